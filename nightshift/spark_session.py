"""The only place that builds a SparkSession."""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.errors import InstallationError
from nightshift.home import scratch
from nightshift.home.settings import Settings
from nightshift.home.variables import spark_conf, spark_s3
from nightshift.ledger.code_of_attempt import BAKED, version_in

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("nightshift")
# Local: two shuffle partitions for two cores; for a cluster, NIGHTSHIFT_SPARK_CONF says how many.
LOCAL_SETTINGS = {
    "spark.sql.shuffle.partitions": str(os.cpu_count() or 2),
    "spark.default.parallelism": str(os.cpu_count() or 2),
    "spark.databricks.delta.snapshotPartitions": "2",
    # A small VACUUM is 167 tasks instead of 170,000.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
    # Below this number of files, listing them in the driver is quicker than a job that does.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "5000",
}
# On a cluster, whose size is not known here: by default Delta reads each table's log in 50 tasks, and a small VACUUM is
# 170,000 of them.
CLUSTER_SETTINGS = {
    "spark.databricks.delta.snapshotPartitions": "4",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "64",
}
# On a cluster whose members share a secret: who can't prove that they know it is not heard, and nothing goes in clear.
PROVED = {"spark.authenticate": "true", "spark.network.crypto.enabled": "true"}
# Of the flags that set-up found best for small jobs (nightshift.install.setup.toolchain).
FIRST_TIER_ALONE = "-XX:TieredStopAtLevel=1"
WAITED_SECONDS = 60
DRIVER_ON_LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
SPARK_SETTINGS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Tables are found by path: nothing depends on a metastore that one process may open.
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.session.timeZone": "UTC",
    "spark.executorEnv.TZ": "UTC",
    "spark.executorEnv.LC_ALL": "C.UTF-8",
    # Landing asks what kind of JSON value a key has, also of records that hold a key twice somewhere within.
    "spark.sql.variant.allowDuplicateKeys": "true",
    # The default, INT96, is not what Delta means by a timestamp.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.pyspark.fallback.enabled": "false",
    # Wide plans are cut when they are printed, which nobody here does, and which draws a warning.
    "spark.sql.debug.maxToStringFields": "1000",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


# A JVM takes them from its machine otherwise; Java 17 also the letters of file names.
JAVA_OPTIONS = "-Duser.timezone=UTC -Duser.language=en -Dfile.encoding=UTF-8"


def session(app_name: str, settings: Settings, overrides: Mapping[str, str] | None = None) -> SparkSession:
    """The Spark session of this process.

    Args:
        app_name: shown in Spark's UI and logs.
        settings: of the home whose jobs it runs.
        overrides: configuration of a use case, which counts before that of the settings.

    Raises:
        InstallationError: if an executor of a cluster has other code than this process.
    """
    from pyspark.sql import SparkSession

    # UDF workers must run on this very Python, and the JVM on the Java that set-up chose.
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    builder = SparkSession.builder.appName(app_name).master(settings.spark_master)
    for key, value in _configuration(settings, overrides or {}).items():
        builder = builder.config(key, value)
    with _secret_in_a_file(settings), _jars_behind_all_others(settings):
        made = builder.getOrCreate()
    if pages := settings.spark_public_url:
        log.info("Spark: %s/app/?appId=%s", pages, made.sparkContext.applicationId)
    if not _is_local(settings):
        refuse_other_code(made, settings)
    return made


@contextlib.contextmanager
def _secret_in_a_file(settings: Settings) -> Iterator[None]:
    """Let a driver that starts read the cluster's secret: PySpark would put it on the JVM's command line."""
    secret = None if _is_local(settings) else settings.spark_secret
    if secret is None:
        yield
        return
    # For its owner alone.
    with tempfile.TemporaryDirectory(prefix="nightshift-spark-") as folder:
        Path(folder, "spark-defaults.conf").write_text(f"spark.authenticate.secret {secret}\n", encoding="utf-8")
        os.environ["SPARK_CONF_DIR"] = folder
        try:
            yield
        finally:
            del os.environ["SPARK_CONF_DIR"]


@contextlib.contextmanager
def _jars_behind_all_others(settings: Settings) -> Iterator[None]:
    """Let a driver that starts find an object store's JARs at the end of its class path.

    In front they would make it another class path than that of the class-data archive, which would then be ignored.
    """
    jars = _s3_jars(settings)
    if not jars:
        yield
        return
    os.environ["SPARK_DIST_CLASSPATH"] = ":".join(jars)
    try:
        yield
    finally:
        del os.environ["SPARK_DIST_CLASSPATH"]


def refuse_other_code(spark: SparkSession, settings: Settings) -> None:
    """Refuse a cluster whose executors are of another image than this process: what they compute could differ.

    Asked are the executors that the job has at its start.

    Raises:
        InstallationError: naming both versions.
    """
    file = str(settings.project_dir / BAKED)
    here = version_in(file)
    if not here:
        return

    def tell(_: int) -> str:
        # Within a function, so that executors are sent it, and need not have this module to say what they are.
        return Path(file).read_text(encoding="utf-8").strip() if Path(file).is_file() else ""

    shares = spark.sparkContext.defaultParallelism
    with _told_while_waiting():
        found = {*spark.sparkContext.parallelize(range(shares), shares).map(tell).collect()}
    if others := found - {here}:
        raise InstallationError(
            f"this job has code {here}, and executors of {settings.spark_master} have "
            f"{', '.join(sorted(each or 'none' for each in others))}",
            remedy="give all of them one image: `make compose-down`, then `make compose-up`",
        )


@contextlib.contextmanager
def _told_while_waiting() -> Iterator[None]:
    """Say once a minute what a job waits for whose first task has not begun: Spark itself would wait in silence."""
    is_through = threading.Event()

    def tell() -> None:
        while not is_through.wait(WAITED_SECONDS):
            log.warning(
                "no executor has begun yet: the cluster's cores are taken, or no worker offers the memory and cores "
                "that one executor asks for; the pages of the Spark master show both"
            )

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_through.set()


def _configuration(settings: Settings, overrides: Mapping[str, str]) -> dict[str, str]:
    """All that Spark is told; what a person says is refused where the settings are read, if it could change rows."""
    own = SPARK_SETTINGS | _machine_settings(settings)
    if _uses_s3(settings):
        own |= spark_s3.pairs()
    said = (spark_conf.pairs(settings.spark_conf) if settings.spark_conf else {}) | dict(overrides)
    for key in ("spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions"):
        # Of two options that say the same, the JVM takes the last.
        own[key] = " ".join(filter(None, (said.pop(key, ""), own.get(key, JAVA_OPTIONS))))
    # Whoever reaches a driver's port can give it code to run: without a cluster it never listens beyond loopback.
    if _is_local(settings):
        return own | said | DRIVER_ON_LOOPBACK
    return own | said | (PROVED if settings.spark_secret else {})


def _machine_settings(settings: Settings) -> dict[str, str]:
    """Class path, Java options and memory, from what set-up found on this machine."""
    toolchain = _toolchain(settings)
    os.environ["JAVA_HOME"] = toolchain["java_home"]
    log4j = importlib.resources.files("nightshift") / "log4j2.properties"
    quiet = f"{JAVA_OPTIONS} -Dlog4j2.configurationFile=file:{log4j}"
    class_path = ":".join(toolchain["jars"])
    temporary = settings.home / "tmp"
    _take_local_folder(temporary / "spark")
    flags = toolchain["driver_java_options"]
    if not _is_local(settings):
        # Tables of a cluster are worth a compiler that takes its time.
        flags = flags.replace(FIRST_TIER_ALONE, "")
    machine = {
        "spark.driver.extraClassPath": class_path,
        "spark.driver.extraJavaOptions": f"{quiet} {flags}",
        "spark.driver.memory": settings.spark_driver_memory,
        "spark.sql.warehouse.dir": str(temporary / "warehouse"),
    }
    if _is_local(settings):
        return machine | LOCAL_SETTINGS
    # Executors live on machines that have the same image, and do more than a driver does: the JVM's own collector and
    # compiler there.
    executors = {
        "spark.executor.extraClassPath": ":".join((class_path, *_s3_jars(settings))),
        "spark.executor.extraJavaOptions": quiet,
    }
    return machine | CLUSTER_SETTINGS | executors


def _toolchain(settings: Settings) -> dict[str, Any]:
    """What set-up found (nightshift.install.setup.toolchain)."""
    file = settings.toolchain_dir / "toolchain.json"
    if not file.is_file():
        raise InstallationError(f"{file} is missing: run `make setup` (it fetches the JARs and chooses a Java)")
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _s3_jars(settings: Settings) -> list[str]:
    """JARs of the object store, where a setting names one."""
    if not _uses_s3(settings):
        return []
    found = _toolchain(settings).get("s3_jars")
    if not found:
        raise InstallationError("the JARs that read s3:// are missing: run `make setup`, which fetches them")
    return list(found)


def _uses_s3(settings: Settings) -> bool:
    return spark_s3.is_needed((settings.lake_url, settings.archive_url, settings.landing_url))


def _is_local(settings: Settings) -> bool:
    return settings.spark_master.startswith("local")


def _take_local_folder(parent: Path) -> None:
    """Let Spark spill and shuffle, deliveries in clear among it, where the next session removes what a kill left."""
    scratch.sweep(parent)
    # As a setting of Spark it would draw a warning in every log. Whoever gives another place tidies it.
    if not os.environ.get("SPARK_LOCAL_DIRS"):
        os.environ["SPARK_LOCAL_DIRS"] = str(scratch.take(parent))
