"""The JARs beside Spark's own: fetched once, and verified against ``jars.lock`` always.

Delta Lake and a JDBC driver, and those that Spark needs where files lie in an object store.
"""

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
    """One line of the lock: Maven coordinates and the digest of the file.

    Attributes:
        store: the object store that alone needs it, like ``s3``; None: every session does.
    """

    group: str
    artifact: str
    version: str
    sha256: str
    store: str | None = None

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
                coordinates, sha256, *store = line.split()
                group, artifact, version = coordinates.split(":")
                jars.append(Jar(group, artifact, version, sha256, *store))
            except (TypeError, ValueError):
                raise InstallationError(
                    f"{path}, line {number}: expected `group:artifact:version sha256`, and `s3` behind it if only that "
                    f"store needs it; found {line!r}"
                ) from None
    return jars


def fetch_jars(lock: Path, folder: Path, say: Say = print) -> list[Path]:
    """Bring every JAR of the lock into the folder; resolves nothing when they are there.

    Returns:
        their files, in the order of the lock.

    Raises:
        NightshiftError: if no source has them, with the coordinates and the folder to put the files in.
    """
    jars = read_lock(lock)
    folder.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not jar.fits(folder / jar.file_name)]
    for jar in missing:
        if (folder / jar.file_name).exists():
            say(f"{folder / jar.file_name} is not the file of {lock.name}; fetching it again")
    for name, source in _SOURCES:
        if missing:
            say(f"{len(missing)} of {len(jars)} JARs: {name}")
            _take(missing, source, folder)
            missing = [jar for jar in missing if not jar.fits(folder / jar.file_name)]
    if missing:
        raise InstallationError(_by_hand(missing, folder))
    return [folder / jar.file_name for jar in jars]


def _take(jars: list[Jar], source: Callable[[list[Jar], Path], Iterator[Path]], folder: Path) -> None:
    """Copy those candidates of a source that have the right digests."""
    by_name = {jar.file_name: jar for jar in jars}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for file in source(jars, Path(scratch)):
            # Ivy puts the group before the name.
            jar = by_name.get(file.name) or next((j for name, j in by_name.items() if file.name.endswith(name)), None)
            if jar is not None and jar.fits(file):
                copy = Path(scratch) / "verified.jar"
                shutil.copyfile(file, copy)
                copy.replace(folder / jar.file_name)


def _local_repository(jars: list[Jar], _: Path) -> Iterator[Path]:
    root = Path(os.environ.get("MAVEN_REPOSITORY", "~/.m2/repository")).expanduser()
    for jar in jars:
        yield root / jar.group.replace(".", "/") / jar.artifact / jar.version / jar.file_name


def _maven(jars: list[Jar], scratch: Path) -> Iterator[Path]:
    """All of them by one start of Maven, which takes seconds."""
    program = shutil.which("mvn")
    if program is not None:
        (scratch / "pom.xml").write_text(_PROJECT.format("".join(_DEPENDENCY.format(jar) for jar in jars)))
        _quietly([program, "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={scratch}"], scratch)
        yield from scratch.glob("*.jar")


def _ivy(jars: list[Jar], scratch: Path) -> Iterator[Path]:
    code = (
        "from pyspark.sql import SparkSession; import sys; "
        "spark = SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false')"
        ".config('spark.jars.ivy', sys.argv[1]).getOrCreate()\n"
        "for each in sys.argv[2:]: spark.sql(f'ADD JAR ivy://{each}?transitive=false')"
    )
    _quietly([sys.executable, "-c", code, str(scratch), *(jar.coordinates for jar in jars)], scratch)
    yield from scratch.glob("**/*.jar")


# None of what they depend on: the lock names all that is wanted.
_DEPENDENCY = (
    "<dependency><groupId>{0.group}</groupId><artifactId>{0.artifact}</artifactId><version>{0.version}</version>"
    "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>"
)
_PROJECT = (
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>jars</groupId>'
    "<artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>"
    "<dependencies>{}</dependencies></project>"
)
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
        "the JARs beside Spark's own could be fetched neither by Maven nor by Spark's Ivy.\n"
        "Is a proxy or mirror needed? Maven reads it from ~/.m2/settings.xml. Or put these files there by hand, "
        f"from any Maven repository (their SHA-256 is checked):\n{files}\nand run `make setup` again"
    )
