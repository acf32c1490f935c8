"""Spark jobs whose lake is in an object store: ``python -m tests.jobs_on_s3 JOB FOLDER`` prints what was seen, as JSON.

Programs of their own, for the session that tests share has no store. FOLDER is of this machine; the lake and the store
are those of the environment.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

ROWS = 3_000
DATES = ("2024-01-01", "2024-01-02", "2024-01-03")


def of_spark(url: str) -> str:
    return url.replace("s3://", "s3a://", 1)


def rows_of_three_dates(spark: SparkSession, rows: int = ROWS) -> DataFrame:
    """In four tasks, each with rows of every date."""
    return spark.range(0, rows, 1, 4).selectExpr("id", "date_add(DATE'2024-01-01', cast(id % 3 AS INT)) AS batch_date")


def write(rows: DataFrame, folder: str) -> None:
    rows.write.partitionBy("batch_date").parquet(of_spark(folder))


def round_trip(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Write an attempt that is committed and one that is not, and read the table by all that read tables."""
    import duckdb
    import pyarrow as pa

    table = f"{os.environ['NIGHTSHIFT_LAKE_URL']}/table"
    write(rows_of_three_dates(spark), f"{table}/attempt=a")
    write(rows_of_three_dates(spark), f"{table}/attempt=b")
    files = spark.read.option("basePath", of_spark(table)).parquet(f"{of_spark(table)}/attempt=a")
    named = [
        (row["p"].split("/table/")[1], row["s"])
        for row in files.selectExpr("_metadata.file_path p", "_metadata.file_size s").distinct().collect()
    ]
    actions = [
        AddAction(path, size, {"batch_date": re.findall(r"batch_date=([\d-]+)", path)[0]}, int(time.time()), True, "{}")
        for path, size in named
    ]
    schema = Schema.from_arrow(pa.schema([("id", pa.int64()), ("batch_date", pa.date32())]))
    create_table_with_add_actions(table, schema, actions, mode="error", partition_by=["batch_date"])
    seen = {
        "Parquet": files.select("id", "batch_date").toPandas(),
        "Delta": spark.read.format("delta").load(of_spark(table)).toPandas(),
        "delta-rs": DeltaTable(table).to_pandas(),
    }
    duckdb.register("dataset", DeltaTable(table).to_pyarrow_dataset())
    seen["DuckDB"] = duckdb.sql("SELECT * FROM dataset").df()
    return {name: _digest(frame) for name, frame in seen.items()}


def publication(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Publish a slice by the product's own path, again, and give up a third one."""
    import datetime as dt

    from nightshift import lake
    from nightshift.dates import BatchDates
    from tests.declaring import a_table, column

    table = a_table(column("thing", required=True), column("id", "bigint"), use_case="on_s3")
    dates = BatchDates(*map(dt.date.fromisoformat, (DATES[0], DATES[-1])))
    rows = rows_of_three_dates(spark).selectExpr("batch_date", "concat('thing ', id) AS thing", "id")
    for number in (1, 2):
        stage = lake.stage(rows.withColumn("id", rows.id * number), table, dates)
        assert stage.read(spark).count() == ROWS
        lake.publish(stage, {"run": "test"})
        lake.discard(stage.folder)
    given_up = lake.stage(rows, table, dates)
    lake.discard(given_up.folder)
    return {
        "versions": [_digest(lake.read(spark, table, version=version).drop("thing").toPandas()) for version in (0, 1)],
        "given up": [file.name for file in given_up.folder.location.walk() if file.bytes],
    }


def _digest(frame: pd.DataFrame) -> list[Any]:
    days = frame["batch_date"].astype("string").str[:10]
    return [len(frame), int(frame["id"].sum()), days.value_counts().sort_index().to_dict()]


def secrets(spark: SparkSession, folder: Path) -> list[str]:
    """Where a key of the environment stands that Spark shows to people or sends to others."""
    write(rows_of_three_dates(spark), f"{os.environ['NIGHTSHIFT_LAKE_URL']}/seen")
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    driver = spark._jvm.java.lang.ProcessHandle.current().info().commandLine().get()
    places = {
        "configuration": str(spark.sparkContext.getConf().getAll()),
        "configuration of SQL": str(spark.sql("SET").collect()),
        "configuration of Hadoop": str([(entry.getKey(), entry.getValue()) for entry in hadoop.iterator()]),
        "command line": driver,
        "event log": "".join(file.read_text() for file in (folder / "events").rglob("*") if file.is_file()),
    }
    assert all(places.values())
    secret = (os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_ACCESS_KEY_ID"])
    return [place for place, text in places.items() if any(each in text for each in secret)]


def failed_tasks(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Each task fails the first time, when all its rows are with the writer, and files of two dates are uploaded."""

    def failing(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        from pyspark import TaskContext

        yield from batches
        if TaskContext.get().attemptNumber() == 0:
            raise RuntimeError("fails once")

    return _written_with(spark, failing)


def killed_executors(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """The executor of one task is killed when the task is about to end."""
    mark = folder / "killed"

    def killing(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        import psutil
        from pyspark import TaskContext

        yield from batches
        if TaskContext.get().partitionId() == 1 and not mark.exists():
            mark.touch()
            java = next(each for each in psutil.Process().parents() if "java" in each.name())
            # The driver's own child alone is an executor; in local mode it would be the driver.
            assert "CoarseGrainedExecutorBackend" in " ".join(java.cmdline())
            java.send_signal(signal.SIGKILL)
            time.sleep(60)

    return _written_with(spark, killing) | {"killed": mark.exists()}


def _written_with(spark: SparkSession, function: Any) -> dict[str, Any]:
    place = f"{os.environ['NIGHTSHIFT_LAKE_URL']}/attempt=a"
    rows = rows_of_three_dates(spark).sortWithinPartitions("batch_date")
    write(rows.mapInPandas(function, "id long, batch_date date"), place)
    back = spark.read.parquet(of_spark(place))
    status = spark.sparkContext.statusTracker()
    failed = sum(
        info.numFailedTasks
        for job in status.getJobIdsForGroup(None)
        for stage in status.getJobInfo(job).stageIds
        if (info := status.getStageInfo(stage))
    )
    return {"rows": back.count(), "ids": back.select("id").distinct().count(), "failed": failed}


def slow(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Tell when two thirds of the rows are with the writer, and wait for a sign before the rest."""

    def waiting(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield from batches
        (folder / "written").touch()
        while not (folder / "continue").exists():
            time.sleep(0.2)

    return _written_with(spark, waiting)


OVERRIDES = {
    "secrets": {"spark.eventLog.enabled": "true", "spark.eventLog.compress": "false", "spark.ui.enabled": "true"}
}


def main(name: str, folder: Path) -> None:
    from nightshift.home.settings import get_settings
    from nightshift.spark_session import session

    jobs = {job.__name__: job for job in (round_trip, publication, secrets, failed_tasks, killed_executors, slow)}
    (folder / "events").mkdir()
    overrides = {"spark.eventLog.dir": f"file://{folder}/events", **OVERRIDES.get(name, {})}
    spark = session(name, get_settings(), overrides)
    print(json.dumps(jobs[name](spark, folder)))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
