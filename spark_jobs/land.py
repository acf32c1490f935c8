"""Land deliveries: files and queries to bronze tables, and what is not accepted to `bronze.quarantine`.

Files are held against their manifest, records against their declaration (docs/landing-contract.md). What is not
accepted is published to quarantine first, with the rules that it breaks, so that it is seen even when the run is
blocked. People decide there what becomes of it (docs/runbooks/quarantine.md). Personal data is replaced by tokens
before anything is written (docs/privacy.md).
"""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING

import expectations
from nightshift import lake
from nightshift.accounting import Accounting
from nightshift.delivery import Delivery
from nightshift.job import Job, end, run_job
from nightshift.privacy.erasures import erased, known_key
from nightshift.privacy.tokens import personal_columns
from nightshift.publish import Slice, publish, publish_all
from nightshift.quarantine.decisions import Decision, decisions, note_effect
from nightshift.session import session
from nightshift.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark_jobs.landing.quarantine import Judged

log = logging.getLogger("nightshift")


def main() -> int:
    """Run the job from the command line."""
    return run_job("land", __doc__ or "", land)


def land(job: Job, arguments: argparse.Namespace) -> None:
    """Take the deliveries, judge, publish quarantine, and then the sources unless something blocks.

    Raises:
        NightshiftError: if a delivery is missing or faulty, or more rows are quarantined than is tolerated.
    """
    expectations.preload()
    spark = session(f"land {job.use_case.name} {job.dates}")
    from spark_jobs.landing.privacy import masked_faults
    from spark_jobs.landing.quarantine import refuse_excess
    from spark_jobs.landing.sources import take

    delivery = masked_faults(take(spark, job), job.catalog.sources)
    made = decisions(job.use_case.name, job.dates)
    sources = judge(spark, job, delivery, made)
    publish_quarantine(spark, job, delivery, sources)
    delivery.refuse_faults()
    refuse_excess(job.use_case, job.dates, sources)
    publish_sources(spark, job, sources, made)


def judge(spark: SparkSession, job: Job, delivery: Delivery, made: list[Decision]) -> list[Judged]:
    """The records of each source that came, parsed once and held against the declaration and the decisions.

    What is cached, and all that follows, holds no personal data.
    """
    from spark_jobs.landing.decided import decided
    from spark_jobs.landing.judge import judged
    from spark_jobs.landing.privacy import masked, tokenised, without_erased
    from spark_jobs.landing.quarantine import counted
    from spark_jobs.landing.records import read_records

    rows = {}
    for table in job.catalog.sources:
        files = [file for file in delivery.of(table) if file.duplicate_of is None]
        if not files:
            continue
        found = decided(judged(masked(read_records(spark, table, files), table), table), table, made)
        if personal := personal_columns(table):
            gone = erased(job.use_case.name, {column.pii for column in personal if column.pii})
            found = without_erased(tokenised(found, table, known_key(job.use_case.name)), table, gone)
        rows[table] = found.cache()
    return counted(rows, delivery)


def publish_quarantine(spark: SparkSession, job: Job, delivery: Delivery, sources: list[Judged]) -> None:
    """Publish the faulty files and the rejected records of all sources."""
    from spark_jobs.landing.quarantine import quarantine_accounting, quarantine_rows

    table = job.catalog["bronze.quarantine"]
    accounting = quarantine_accounting(delivery, sources)
    if must_publish(table, job, sum(accounting.rows_in(date) for date in job.dates)):
        rows = quarantine_rows(spark, table, delivery, sources)
        publish(job, table, rows, audit=expectations.audit, accounting=accounting)


def publish_sources(spark: SparkSession, job: Job, sources: list[Judged], made: list[Decision]) -> None:
    """Publish the accepted rows of every source, or of none where one is refused.

    A source that did not come is published as empty.
    """
    from spark_jobs.landing.decided import sparing_released
    from spark_jobs.landing.judge import is_good

    came = {source.table.name: source for source in sources}

    def slice_of(table: Table) -> Slice:
        source = came.get(table.name)
        if source is None:
            return Slice(table, empty(spark, table), expectations.audit, Accounting())
        audit = sparing_released(expectations.audit, made) if source.released else expectations.audit
        return Slice(table, source.rows.where(is_good()).select(*table.column_names), audit, source.accounting)

    # What came without rows is published too, so that the ledger knows that it came.
    wanted = [table for table in job.catalog.sources if table.name in came or must_publish(table, job, 0)]
    publish_all(job, [slice_of(table) for table in wanted])
    for source in sources if made else ():
        note_effect(job.use_case.name, source.table.name, job.dates, source.effects)


def must_publish(table: Table, job: Job, rows: int) -> bool:
    """Whether there is anything to replace: rows to publish or published ones, or no table yet."""
    return rows > 0 or not table.exists() or any(date in job.dates for date in lake.published_dates(table))


def empty(spark: SparkSession, table: Table) -> DataFrame:
    """No rows of a table."""
    return spark.createDataFrame([], table.ddl)


if __name__ == "__main__":
    end(main())
