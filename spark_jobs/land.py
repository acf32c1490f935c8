"""Land deliveries: files to bronze tables, and what is not accepted to `bronze.quarantine`.

Files are held against their manifest, records against their declaration (docs/landing-contract.md). What is not
accepted is published to quarantine first, with reason, file, record number and raw text, so that it is seen
even when the run is blocked.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import expectations
from nightshift import lake
from nightshift.delivery import Delivery, verify
from nightshift.job import Job, end, run_job
from nightshift.publish import Accounting, publish
from nightshift.session import session
from nightshift.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark_jobs.quarantine import Judged

log = logging.getLogger("nightshift")

# While one table is audited, the next is written.
PUBLISHERS = 2


def main() -> int:
    """Run the job from the command line."""
    return run_job("land", __doc__ or "", land)


def land(job: Job, arguments: argparse.Namespace) -> None:
    """Verify, judge, publish quarantine, and then the sources unless something blocks.

    Raises:
        NightshiftError: if a delivery is missing or faulty, or more rows are quarantined than is tolerated.
    """
    expectations.preload()
    delivery = verify(job.catalog, job.dates)
    spark = session(f"land {job.use_case.name} {job.dates}")
    from spark_jobs.quarantine import refuse_excess

    sources = judge(spark, job, delivery)
    publish_quarantine(spark, job, delivery, sources)
    delivery.refuse_faults()
    refuse_excess(job.use_case, job.dates, sources)
    publish_sources(spark, job, sources)


def judge(spark: SparkSession, job: Job, delivery: Delivery) -> list[Judged]:
    """The records of each source that came, parsed once and held against the declaration."""
    from spark_jobs.judge import judged
    from spark_jobs.quarantine import counted
    from spark_jobs.records import read_records

    rows = {
        table: judged(read_records(spark, table, files), table).cache()
        for table in job.catalog.sources
        if (files := delivery.of(table))
    }
    return counted(rows, delivery)


def publish_quarantine(spark: SparkSession, job: Job, delivery: Delivery, sources: list[Judged]) -> None:
    """Publish the faulty files and the rejected records of all sources."""
    from spark_jobs.quarantine import quarantine_rows, rejected

    table = job.catalog["bronze.quarantine"]
    counts = rejected(delivery, sources)
    if must_publish(table, job, sum(counts.values())):
        rows = quarantine_rows(spark, delivery, sources)
        publish(job, table, rows, audit=expectations.audit, accounting=Accounting(rows_in=counts))


def publish_sources(spark: SparkSession, job: Job, sources: list[Judged]) -> None:
    """Publish the accepted rows of every source; one that did not come is published as empty.

    All sources are tried; then the first that was refused ends the run.
    """
    from spark_jobs.judge import is_good

    came = {source.table.name: source for source in sources}

    def task(table: Table) -> Callable[[], object]:
        source = came.get(table.name)
        if source is None:
            rows, accounting = empty(spark, table), Accounting(rows_in={})
        else:
            rows = source.rows.where(is_good()).select(*table.column_names)
            accounting = source.accounting
        return lambda: publish(job, table, rows, audit=expectations.audit, accounting=accounting)

    wanted = [
        table
        for table in job.catalog.sources
        if must_publish(table, job, sum(came[table.name].accounting.rows_in.values()) if table.name in came else 0)
    ]
    with ThreadPoolExecutor(PUBLISHERS) as pool:
        attempts = [pool.submit(task(table)) for table in wanted]
    for attempt in attempts:
        attempt.result()


def must_publish(table: Table, job: Job, rows: int) -> bool:
    """Whether there is anything to replace: rows to publish or published ones, or no table yet."""
    return rows > 0 or not table.exists() or any(date in job.dates for date in lake.published_dates(table))


def empty(spark: SparkSession, table: Table) -> DataFrame:
    """No rows of a table."""
    return spark.createDataFrame([], table.ddl)


if __name__ == "__main__":
    end(main())
