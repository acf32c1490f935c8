"""Refine bronze tables into silver: typed, in UTC, newest record per key, with reference data as of the date.

What is particular to a use case stands in `use_cases/<name>/refine.py`: one function per silver table.
"""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import expectations
from nightshift.errors import NightshiftError
from nightshift.job import Job, end, run_job
from nightshift.publish import Accounting, publish
from nightshift.session import session
from nightshift.tables import PARTITION, Table
from nightshift.use_case_code import load_module

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# While one table is audited, the next is written.
PUBLISHERS = 2


@dataclass(frozen=True)
class Refinement:
    """How one silver table is made: a function, and the inputs that its parameters name, the slice first."""

    table: Table
    function: Callable[..., DataFrame]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Refined:
    """A silver slice: all records, ranked within their key, and the bronze slice that they come from."""

    table: Table
    records: DataFrame
    bronze: DataFrame


def main() -> int:
    """Run the job from the command line."""
    return run_job("refine", __doc__ or "", refine)


def refine(job: Job, arguments: argparse.Namespace) -> None:
    """Compute the slices of all silver tables, count them, and publish.

    Raises:
        NightshiftError: if a bronze slice was not landed, or a silver table has no function.
    """
    expectations.preload()
    wanted = refinements(job)
    spark = session(f"refine {job.use_case.name} {job.dates}")
    refined = compute(spark, job, wanted)
    accounts = account(refined)
    with ThreadPoolExecutor(PUBLISHERS) as pool:
        attempts = [
            pool.submit(
                publish, job, each.table, newest(each), audit=expectations.audit, accounting=accounts[each.table.name]
            )
            for each in refined
        ]
    for attempt in attempts:
        attempt.result()


def refinements(job: Job) -> list[Refinement]:
    """The functions of the use case, one for each silver table.

    Raises:
        NightshiftError: if a table has none.
    """
    module = load_module(job.use_case, "refine")
    found = []
    for table in job.catalog.layer("silver"):
        function = getattr(module, table.name, None)
        if function is None:
            raise NightshiftError(f"{module.__file__} has no function {table.name}(…), which {table.label} needs")
        found.append(Refinement(table, function, tuple(inspect.signature(function).parameters)))
    return found


def compute(spark: SparkSession, job: Job, wanted: Sequence[Refinement]) -> list[Refined]:
    """The slices, not yet evaluated; inputs that several share are built once."""
    from spark_jobs.inputs import find_input, ranked

    inputs = {name: find_input(spark, job, name) for name in dict.fromkeys(n for each in wanted for n in each.inputs)}
    return [
        Refined(
            each.table,
            ranked(each.function(**{name: inputs[name] for name in each.inputs}), each.table.keys).cache(),
            inputs[each.inputs[0]],
        )
        for each in wanted
    ]


def newest(refined: Refined) -> DataFrame:
    """The newest record of each key, in the table's columns."""
    from spark_jobs.inputs import RANK

    return refined.records.where(f"{RANK} = 1").select(*refined.table.column_names)


def account(refined: Sequence[Refined]) -> Mapping[str, Accounting]:
    """Rows in and rows dropped as older, per table and batch date, in one Spark job.

    Rows in are counted in bronze itself: a join that multiplied or lost rows does not balance.
    """
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F

    from spark_jobs.inputs import RANK

    counts = []
    for each in refined:
        name = F.lit(each.table.name).alias("name")
        older = F.count_if(F.col(RANK) > 1)
        counts.append(each.bronze.groupBy(name, PARTITION).agg(F.count("*").alias("rows_in"), F.lit(0).alias("older")))
        counts.append(each.records.groupBy(name, PARTITION).agg(F.lit(0).alias("rows_in"), older.alias("older")))
    rows_in: dict[str, dict[dt.date, int]] = {each.table.name: {} for each in refined}
    older_rows: dict[str, dict[dt.date, int]] = {each.table.name: {} for each in refined}
    total = functools.reduce(DataFrame.unionByName, counts)
    for name, date, came, dropped in total.groupBy("name", PARTITION).agg(F.sum("rows_in"), F.sum("older")).collect():
        rows_in[name][date], older_rows[name][date] = came, dropped
    return {name: Accounting(rows_in=rows_in[name], deduplicated=older_rows[name]) for name in rows_in}


if __name__ == "__main__":
    end(main())
