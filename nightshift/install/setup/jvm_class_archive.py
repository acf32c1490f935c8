"""The class-data archive: Spark's and Delta's classes, parsed and linked once instead of at every start.

JDK 17 takes it with ``-XX:SharedArchiveFile``, JDK 25 as an AOT cache. The archive fits one Java, one class path
and one set of files only; the JVM ignores one that does not fit, so a stale one costs time, never correctness.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nightshift.home.variables.known_variables import OWN
from nightshift.install.setup.java import Java
from nightshift.install.setup.toolchain import SHORT_RUN_OPTIONS, Toolchain

_AOT_SINCE = 25
_RECORD_SECONDS = 600
# Mapped where it was recorded: moving 200 MB of it to a random address costs 0.7 s of every start.
_MAP_IN_PLACE = ("-XX:+UnlockDiagnosticVMOptions", "-XX:ArchiveRelocationMode=0")
# Nothing below an error: the JVM warns of every class that it could not keep.
_QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")


def archive_key(java: Java, jars: list[Path]) -> str:
    """Digest of all that an archive depends on."""
    parts = [
        java.version,
        str(java.home),
        importlib.metadata.version("pyspark"),
        *(f"{jar}:{jar.stat().st_mtime_ns}:{jar.stat().st_size}" for jar in (*jars, *_spark_jars())),
        *SHORT_RUN_OPTIONS,
        Path(__file__).with_name("jvm_class_archive_run.py").read_text(encoding="utf-8"),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def record(java: Java, jars: list[Path], folder: Path) -> Path:
    """Run the recording application and return the archive that it leaves.

    Raises:
        RuntimeError: with the end of its output, if it fails or leaves none.
    """
    aot = java.major >= _AOT_SINCE
    archive = folder / ("classes.aot" if aot else "classes.jsa")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        new = Path(scratch) / archive.name
        dump = f"-XX:AOTCacheOutput={new}" if aot else f"-XX:ArchiveClassesAtExit={new}"
        toolchain = Toolchain(
            java_home=str(java.home),
            jars=[str(jar) for jar in jars],
            driver_java_options=" ".join((*SHORT_RUN_OPTIONS, *_QUIET, dump)),
        )
        toolchain.save(Path(scratch))
        work = Path(scratch) / "work"
        work.mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "nightshift.install.setup.jvm_class_archive_run", work],
            env=_without_settings() | {"NIGHTSHIFT_TOOLCHAIN_DIR": scratch, "NIGHTSHIFT_HOME": f"{scratch}/home"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_RECORD_SECONDS,
            check=False,
        )
        if done.returncode != 0 or not _settled(new):
            raise RuntimeError(done.stdout[-2000:])
        new.replace(archive)
    return archive


def _without_settings() -> dict[str, str]:
    """The environment without what it says of an installation: another one of this checkout has the same archive.

    With a lake in an object store, say, the session would want JARs that the archive is not of.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN)}


def options_with(archive: Path) -> str:
    """JVM flags of a driver that uses the archive."""
    use = f"-XX:AOTCache={archive}" if archive.suffix == ".aot" else f"-XX:SharedArchiveFile={archive}"
    return " ".join((*SHORT_RUN_OPTIONS, use, *_MAP_IN_PLACE, *_QUIET))


def _settled(archive: Path, seconds: float = 120) -> bool:
    """Whether the archive is there and complete: the JVM writes it while it ends, after the Python side has."""
    size = -1
    for _ in range(int(seconds / 0.5)):
        now = archive.stat().st_size if archive.is_file() else -1
        if now > 0 and now == size:
            return True
        size = now
        time.sleep(0.5)
    return False


def _spark_jars() -> list[Path]:
    import pyspark

    return sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar"))
