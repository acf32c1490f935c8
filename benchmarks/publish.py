"""What a publication and a read cost when delta-rs keeps the log, against Spark doing it all.

    python -m benchmarks.publish [--rows 1000] [--rounds 5]

Prints medians and their ratio, both ways measured in turn in one session. The first round of each is shown apart: a
night's job does each of them only once or twice, so it pays first-round prices.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Table
from nightshift.home.settings import get_settings
from nightshift.spark_session import session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DATES = BatchDates.of(dt.date(2013, 10, 1))
TABLE = Table.model_validate(
    {
        "use_case": "benchmark",
        "layer": "gold",
        "name": "things",
        "description": "Rows of a benchmark.",
        "grain": "one row per thing",
        "keys": ["thing"],
        "owner": "benchmark",
        "columns": [
            {"name": "thing", "type": "bigint", "description": "Number."},
            {"name": "size", "type": "double", "description": "Size."},
            {"name": "label", "type": "string", "description": "Label."},
        ],
    }
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000, help="rows of the slice")
    parser.add_argument("--rounds", type=int, default=5, help="rounds after the first")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nightshift-benchmark-") as home:
        os.environ["NIGHTSHIFT_HOME"] = home
        get_settings.cache_clear()
        spark = session("benchmark publish", get_settings())
        rows = spark.range(arguments.rows).selectExpr(
            f"DATE'{DATES.first}' AS {PARTITION}", "id AS thing", "rand(1) AS size", "concat('x', id) AS label"
        )
        other = str(get_settings().lake.path / "by_spark")
        compare("publish", lambda: by_log(rows), lambda: by_spark(spark, rows, other), arguments.rounds)
        compare("read", lambda: read_by_log(spark), lambda: read_by_spark(spark, other), arguments.rounds)


def compare(what: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> None:
    """Run both in turn and print first round, median and ratio."""
    seconds: dict[str, list[float]] = {"delta-rs log": [], "Spark alone": []}
    for _ in range(rounds + 1):
        for name, function in zip(seconds, (ours, theirs), strict=True):
            started = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - started)
    for name, values in seconds.items():
        print(f"{what:8} {name:13} first {values[0]:6.2f} s, then median {statistics.median(values[1:]):6.3f} s")
    mine, other = (statistics.median(values[1:]) for values in seconds.values())
    first_mine, first_other = (values[0] for values in seconds.values())
    print(f"{what:8} ratio         first {first_other / first_mine:6.1f},   then {other / mine:6.1f}")


def by_log(rows: DataFrame) -> None:
    """Stage, pin and commit, as every stage of a night does."""
    staged = lake.stage(rows, TABLE, DATES)
    lake.publish(staged, {"run": "benchmark"})
    lake.discard(staged.folder)


def by_spark(spark: SparkSession, rows: DataFrame, path: str) -> None:
    """Stage and pin as well, then write the staged rows again as Delta."""
    staged = lake.stage(rows, TABLE, DATES)
    frame = staged.read(spark).write.format("delta").partitionBy(PARTITION).mode("overwrite")
    frame.option("replaceWhere", DATES.sql()).save(path)
    lake.discard(staged.folder)


def read_by_log(spark: SparkSession) -> None:
    """Read the slice as the stages do."""
    lake.read(spark, TABLE, DATES).collect()


def read_by_spark(spark: SparkSession, path: str) -> None:
    """Read the slice as a Delta table."""
    spark.read.format("delta").load(path).where(DATES.sql()).collect()


if __name__ == "__main__":
    main()
