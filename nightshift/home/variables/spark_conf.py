"""Spark's configuration by a person: what changes where and how fast it runs may be said, all else is refused by name.

No message holds a value, which may be a secret.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

from nightshift.home.variables import java_options

_PAIR = re.compile(r"(spark\.[\w.-]+)\s*[=\s]\s*(.*?)\s*")
SAID_ELSEWHERE = {
    "spark.master": "NIGHTSHIFT_SPARK_MASTER says it",
    "spark.driver.memory": "NIGHTSHIFT_SPARK_DRIVER_MEMORY says it",
    "spark.local.dir": "SPARK_LOCAL_DIRS says it",
    # One store and one key for Spark and delta-rs; and Spark shows its configuration.
    "spark.hadoop.fs.s3a.endpoint": "AWS_ENDPOINT_URL says it",
    "spark.hadoop.fs.s3a.endpoint.region": "AWS_REGION says it",
    "spark.hadoop.fs.s3a.access.key": "AWS_ACCESS_KEY_ID says it",
    "spark.hadoop.fs.s3a.secret.key": "AWS_SECRET_ACCESS_KEY says it",
    "spark.hadoop.fs.s3a.session.token": "AWS_SESSION_TOKEN says it",
}
JAVA_OPTION_KEYS = ("spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions")
# Below 450 MB Spark refuses to start.
_MEMORY = re.compile(r"(51[2-9]|5[2-9]\d|[6-9]\d\d|[1-9]\d{3,})mb?|[1-9]\d*[gt]b?", re.IGNORECASE)
_SIZE = re.compile(r"-1|\d{1,18}[kmgtp]?b?", re.IGNORECASE)
_NUMBER = re.compile(r"[1-9]\d{0,8}")
_COUNT = re.compile(r"\d{1,9}")
_PORT = re.compile(r"\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]")
_FRACTION = re.compile(r"0?\.\d+")
_SWITCH = re.compile(r"true|false")
_DURATION = re.compile(r"\d{1,12}(us|ms|s|m|min|h|d)?")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]+")
# What may be said, by the form of its value: exact keys, or patterns with `*`; the first that fits counts.
_KEYS: dict[re.Pattern[str], tuple[str, tuple[str, ...]]] = {
    _MEMORY: ("512m or more, written like 4g", ("spark.executor.memory",)),
    _SIZE: (
        "a size like 4g or 512m",
        (
            *("spark.*.memoryOverhead", "spark.executor.pyspark.memory", "spark.driver.maxResultSize"),
            *("spark.memory.offHeap.size", "spark.reducer.maxSizeInFlight", "spark.broadcast.blockSize"),
            *("spark.shuffle.file.buffer", "spark.network.maxRemoteBlockSizeFetchToMem", "spark.yarn.am.memory"),
            *("spark.sql.autoBroadcastJoinThreshold", "spark.sql.files.maxPartitionBytes"),
            *("spark.sql.files.openCostInBytes", "spark.sql.adaptive.advisoryPartitionSizeInBytes"),
            *("spark.sql.adaptive.autoBroadcastJoinThreshold", "spark.sql.adaptive.skewJoin.*InBytes"),
        ),
    ),
    _NUMBER: (
        "a whole number above 0",
        (
            *("spark.executor.cores", "spark.executor.instances", "spark.driver.cores", "spark.cores.max"),
            *("spark.task.cpus", "spark.task.maxFailures", "spark.stage.maxConsecutiveAttempts", "spark.yarn.am.cores"),
            *("spark.default.parallelism", "spark.sql.shuffle.partitions", "spark.sql.adaptive.*PartitionNum"),
            *("spark.sql.execution.arrow.maxRecordsPerBatch", "spark.rpc.message.maxSize"),
            "spark.sql.sources.parallelPartitionDiscovery.parallelism",
        ),
    ),
    _COUNT: (
        "a whole number",
        (
            *("spark.dynamicAllocation.*Executors", "spark.port.maxRetries", "spark.shuffle.io.maxRetries"),
            *("spark.sql.sources.parallelPartitionDiscovery.threshold", "spark.hadoop.fs.s3a.connection.maximum"),
            *("spark.hadoop.fs.s3a.threads.max", "spark.hadoop.fs.s3a.attempts.maximum"),
        ),
    ),
    _PORT: ("a port", ("spark.driver.port", "spark.driver.blockManager.port", "spark.blockManager.port")),
    _FRACTION: ("a part of 1, like 0.6", ("spark.memory.fraction", "spark.memory.storageFraction")),
    _SWITCH: (
        "true or false",
        (
            *("spark.authenticate", "spark.network.crypto.enabled", "spark.io.encryption.enabled"),
            *("spark.memory.offHeap.enabled", "spark.dynamicAllocation.enabled", "spark.shuffle.service.enabled"),
            *(
                "spark.dynamicAllocation.shuffleTracking.enabled",
                "spark.shuffle.compress",
                "spark.shuffle.spill.compress",
            ),
            *("spark.broadcast.compress", "spark.rdd.compress", "spark.sql.adaptive.enabled"),
            *("spark.sql.adaptive.*.enabled", "spark.hadoop.fs.s3a.path.style.access"),
            "spark.hadoop.fs.s3a.connection.ssl.enabled",
        ),
    ),
    _DURATION: (
        "a time like 120s",
        (
            *(
                "spark.network.timeout",
                "spark.executor.heartbeatInterval",
                "spark.rpc.*Timeout",
                "spark.locality.wait*",
            ),
            *("spark.sql.broadcastTimeout", "spark.dynamicAllocation.*Timeout", "spark.shuffle.io.retryWait"),
        ),
    ),
    _TEXT: (
        "not empty",
        (
            *("spark.driver.host", "spark.driver.bindAddress", "spark.authenticate.secret*", "spark.yarn.queue"),
            *("spark.kerberos.*", "spark.kubernetes.namespace"),
            *("spark.kubernetes.container.image*", "spark.kubernetes.authenticate.*"),
            *("spark.kubernetes.executor.*", "spark.kubernetes.node.selector.*", "spark.kubernetes.context"),
            *JAVA_OPTION_KEYS,
        ),
    ),
}
# What says how much a job gets.
SIZES = (
    *("spark.executor.memory", "spark.*.memoryOverhead", "spark.executor.pyspark.memory", "spark.memory.*"),
    *("spark.driver.maxResultSize", "spark.executor.cores", "spark.executor.instances", "spark.cores.max"),
    *("spark.task.cpus", "spark.dynamicAllocation.*Executors", "spark.default.parallelism"),
    *("spark.sql.shuffle.partitions", "spark.sql.adaptive.*PartitionNum", "spark.sql.files.maxPartitionBytes"),
    *("spark.sql.adaptive.advisoryPartitionSizeInBytes", "spark.sql.*autoBroadcastJoinThreshold"),
    "spark.sql.execution.arrow.maxRecordsPerBatch",
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
        ValueError: naming the key that is refused.
    """
    found: dict[str, str] = {}
    for line in text.split() if text.startswith("spark.") else _lines(text):
        pair = _PAIR.fullmatch(line)
        if pair is None:
            raise ValueError("holds something else than pairs like spark.executor.memory=4g, or the path of their file")
        if reason := _refused(pair[1], pair[2]):
            raise ValueError(f"names {pair[1]}, which can't be set{reason}")
        found[pair[1]] = pair[2]
    return found


def refused_as_size(key: str, value: str) -> str | None:
    """Why a use case can't say a pair, behind "can't be set": it says how much its jobs get, and not where they run."""
    if reason := _refused(key, value):
        return reason
    is_size = any(fnmatchcase(key, pattern) for pattern in SIZES)
    return None if is_size else ": a use case says memory, cores and parallelism; NIGHTSHIFT_SPARK_CONF says the rest"


def _lines(text: str) -> list[str]:
    path = Path(text)
    if not path.is_absolute():
        raise ValueError("is neither pairs like spark.executor.memory=4g nor the absolute path of a file with them")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValueError("names a file that can't be read: check that it is there") from None
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _refused(key: str, value: str) -> str | None:
    """Why a pair can't be, behind "can't be set"."""
    if key in SAID_ELSEWHERE:
        return f": {SAID_ELSEWHERE[key]}"
    for form, (words, patterns) in _KEYS.items():
        if any(fnmatchcase(key, pattern) for pattern in patterns):
            if not form.fullmatch(value):
                return f" so: its value must be {words}"
            return java_options.refused(value) if key in JAVA_OPTION_KEYS else None
    return ": it could change rows, load code or open a port; memory, cores, parallelism, network and logins may be set"
