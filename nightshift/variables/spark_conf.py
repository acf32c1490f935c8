"""Spark's configuration by a person: what may be said, and what could change rows and is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

_PAIR = re.compile(r"(spark\.[\w.-]+)\s*[=\s]\s*(.*?)\s*")
# Of what Spark reads rows by, these change how long it takes, and nothing else.
HARMLESS_SQL = (
    "spark.sql.shuffle.partitions",
    "spark.sql.adaptive.",
    "spark.sql.autoBroadcastJoinThreshold",
    "spark.sql.broadcastTimeout",
    "spark.sql.files.maxPartitionBytes",
    "spark.sql.files.openCostInBytes",
    "spark.sql.execution.arrow.maxRecordsPerBatch",
    "spark.sql.sources.parallelPartitionDiscovery.",
)
ELSEWHERE = {
    "spark.master": "NIGHTSHIFT_SPARK_MASTER says it",
    "spark.driver.memory": "NIGHTSHIFT_SPARK_DRIVER_MEMORY says it",
    "spark.local.dir": "SPARK_LOCAL_DIRS says it",
}
_CHANGES_ROWS = "it could change rows"
# The engine itself, and how its processes find each other's code.
_ENGINE = (
    *("spark.sql.", "spark.databricks.", "spark.hadoop.parquet.", "spark.hadoop.hive.", "spark.hive."),
    *("spark.executorEnv.", "spark.yarn.appMasterEnv.", "spark.kubernetes.driverEnv.", "spark.plugins"),
    *("spark.driver.extraClassPath", "spark.executor.extraClassPath", "spark.driver.userClassPathFirst"),
    *("spark.executor.userClassPathFirst", "spark.pyspark.", "spark.python.", "spark.submit.", "spark.api.mode"),
    *("spark.remote", "spark.serializer", "spark.kryo", "spark.files.ignore"),
)


def checked(text: str) -> str:
    """A configuration that may be used: pairs, or the path of a file of them.

    Raises:
        ValueError: with a reason that stands behind the setting's name.
    """
    pairs(text)
    return text


def pairs(text: str) -> dict[str, str]:
    """Value by key.

    Raises:
        ValueError: naming the key that is refused, or the line that is none.
    """
    found: dict[str, str] = {}
    for line in text.split() if text.startswith("spark.") else _lines(text):
        pair = _PAIR.fullmatch(line)
        if pair is None:
            raise ValueError("holds something else than pairs like spark.executor.memory=4g, or the path of their file")
        if reason := _refused(pair[1]):
            raise ValueError(f"names {pair[1]}, which can't be set: {reason}")
        found[pair[1]] = pair[2]
    return found


def _lines(text: str) -> list[str]:
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise ValueError(
            f"is {text!r}, neither pairs like spark.executor.memory=4g nor the absolute path of a file with them"
        )
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"names {path}, which can't be read: check that the file is there") from None
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _refused(key: str) -> str | None:
    if key in ELSEWHERE:
        return ELSEWHERE[key]
    if key.startswith(_ENGINE) and not key.startswith(HARMLESS_SQL):
        return _CHANGES_ROWS
    return None
