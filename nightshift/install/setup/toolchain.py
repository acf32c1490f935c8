"""What set-up found and made on this machine, as `nightshift.spark_session` reads it: ``toolchain.json``."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nightshift.home.settings import Settings

# Most of a small job is the JIT compiler's work: the first tier alone, and the collector with the least start-up,
# halve it (measured: a small Delta write, replace and read from 34 to 12 CPU-seconds, with the archive).
# With the first tier alone the code cache is 48 MB by default; a job that audits several tables fills it, and the
# compiler is then switched off for the rest of the job.
SHORT_RUN_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:ReservedCodeCacheSize=240m")


class Toolchain(BaseModel):
    """Java, JARs in the order of the class path, and the JVM flags of every driver.

    Attributes:
        s3_jars: those that only a session needs which reads or writes an object store.
    """

    model_config = ConfigDict(frozen=True)

    java_home: str
    jars: list[str]
    s3_jars: list[str] = []
    driver_java_options: str
    archive: str | None = None
    archive_key: str | None = None

    @classmethod
    def load(cls, settings: Settings) -> Toolchain | None:
        """The toolchain that set-up left, if it is there and readable."""
        try:
            return cls.model_validate_json(path_of(settings).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def save(self, folder: Path) -> None:
        """Write it atomically: jobs may start while set-up runs again."""
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f".toolchain.{os.getpid()}"
        new.write_text(json.dumps(self.model_dump(), indent=2) + "\n", encoding="utf-8")
        new.replace(folder / "toolchain.json")


def path_of(settings: Settings) -> Path:
    """Where the file lies."""
    return settings.toolchain_dir / "toolchain.json"
