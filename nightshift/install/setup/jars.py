"""The JARs beside Spark's own, Delta Lake and JDBC drivers: fetched once, and verified against ``jars.lock`` always."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nightshift.errors import InstallationError
from nightshift.terminal import Say

_FETCH_SECONDS = 300


@dataclass(frozen=True)
class Jar:
    """One line of the lock: Maven coordinates and the digest of the file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file in every Maven repository."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinates(self) -> str:
        """``group:artifact:version``."""
        return f"{self.group}:{self.artifact}:{self.version}"

    def fits(self, file: Path) -> bool:
        """Whether the file is there and is exactly the one of the lock."""
        return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == self.sha256


def read_lock(path: Path) -> list[Jar]:
    """The JARs of a lock file, in the order of the class path.

    Raises:
        NightshiftError: if a line is not coordinates and a digest.
    """
    jars = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            try:
                coordinates, sha256 = line.split()
                group, artifact, version = coordinates.split(":")
            except ValueError:
                raise InstallationError(
                    f"{path}, line {number}: expected `group:artifact:version sha256`, found {line!r}"
                ) from None
            jars.append(Jar(group, artifact, version, sha256))
    return jars


def fetch_jars(lock: Path, folder: Path, say: Say = print) -> list[Path]:
    """Bring every JAR of the lock into the folder; resolves nothing when they are there.

    Raises:
        NightshiftError: if no source has them, with the coordinates and the folder to put the files in.
    """
    jars = read_lock(lock)
    folder.mkdir(parents=True, exist_ok=True)
    for jar in jars:
        target = folder / jar.file_name
        if jar.fits(target):
            continue
        if target.exists():
            say(f"{target} is not the file of {lock.name}; fetching it again")
        for name, source in _SOURCES:
            say(f"{jar.coordinates}: {name}")
            if _take(jar, source, target):
                break
        else:
            raise InstallationError(_by_hand(jars, folder))
    return [folder / jar.file_name for jar in jars]


def _take(jar: Jar, source: Callable[[Jar, Path], Iterator[Path]], target: Path) -> bool:
    """Copy the first candidate of a source that has the right digest."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        for file in source(jar, Path(scratch)):
            if jar.fits(file):
                copy = Path(scratch) / "verified.jar"
                shutil.copyfile(file, copy)
                copy.replace(target)
                return True
    return False


def _local_repository(jar: Jar, _: Path) -> Iterator[Path]:
    root = Path(os.environ.get("MAVEN_REPOSITORY", "~/.m2/repository")).expanduser()
    yield root / jar.group.replace(".", "/") / jar.artifact / jar.version / jar.file_name


def _maven(jar: Jar, scratch: Path) -> Iterator[Path]:
    program = shutil.which("mvn")
    if program is not None:
        arguments = ["-B", "-q", "dependency:copy", f"-Dartifact={jar.coordinates}", f"-DoutputDirectory={scratch}"]
        _quietly([program, *arguments], scratch)
        yield scratch / jar.file_name


def _ivy(jar: Jar, scratch: Path) -> Iterator[Path]:
    code = (
        "from pyspark.sql import SparkSession; import sys; "
        "spark = SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false')"
        ".config('spark.jars.ivy', sys.argv[2]).getOrCreate(); "
        "spark.sql(f'ADD JAR ivy://{sys.argv[1]}?transitive=false')"
    )
    _quietly([sys.executable, "-c", code, jar.coordinates, str(scratch)], scratch)
    yield from scratch.glob(f"**/*{jar.file_name}")


_SOURCES = (
    ("looking in the local Maven repository", _local_repository),
    ("asking Maven", _maven),
    ("asking Spark's own Ivy", _ivy),
)


def _quietly(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return


def _by_hand(jars: list[Jar], folder: Path) -> str:
    files = "\n".join(f"  {jar.coordinates}  →  {folder / jar.file_name}" for jar in jars)
    return (
        "the JARs of Delta Lake and of the JDBC driver could be fetched neither by Maven nor by Spark's Ivy.\n"
        "Is a proxy or mirror needed? Maven reads it from ~/.m2/settings.xml. Or put these files there by hand, "
        f"from any Maven repository (their SHA-256 is checked):\n{files}\nand run `make setup` again"
    )
