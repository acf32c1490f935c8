"""Land deliveries: files and queries to bronze tables, and what is not accepted to `bronze.quarantine`.

Files are checked against their manifest, records against their declaration (docs/landing-contract.md). What is not
accepted is published to quarantine with the rules that it breaks: together with the rows that are accepted or, where
the run is blocked, by itself, beside what was set aside of the delivery that stays in force. People decide there what
becomes of it (docs/runbooks/quarantine.md). Personal data is replaced by tokens before anything is written
(docs/privacy.md).
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import expectations
from nightshift import lake
from nightshift.declarations.tables import QUARANTINE, Table
from nightshift.errors import NightshiftError, TemporaryError
from nightshift.ingest.delivery import Delivery, expects_manifest
from nightshift.ingest.delivery.landed_files import SHOWN_FAULTS
from nightshift.ingest.delivery.quick_look import glance
from nightshift.ingest.privacy.person_key import known_key
from nightshift.ingest.privacy.tokens import personal_columns
from nightshift.job import Job, end, run_job
from nightshift.lake.publication import Slice, publish, publish_all
from nightshift.ledger.advisory_locks import turn
from nightshift.ledger.erasures import erased
from nightshift.ledger.landed_calendar import keep_calendar, landing_turn
from nightshift.ledger.row_accounting import Accounting
from nightshift.ledger.row_decisions import RowDecision, decisions_of, note_effect
from nightshift.spark_session import session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from nightshift.ingest.landing.quarantine_records import Judged

log = logging.getLogger("nightshift")


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("land", __doc__ or "", land, argv=argv)


def land(job: Job, arguments: argparse.Namespace) -> None:
    """Take the deliveries, judge, and publish sources and quarantine; the quarantine alone where something blocks.

    Raises:
        NightshiftError: if a delivery is missing or faulty, more rows are quarantined than is tolerated, or an audit
            refuses a slice.
    """
    with refused_is_shown(job):
        say_at_a_glance(job)
        take_in(job)


def take_in(job: Job) -> None:
    """Verify, judge and publish."""
    expectations.preload()
    spark = session(f"land {job.use_case.name} {job.dates}", job.home, job.use_case.spark)
    from nightshift.ingest.landing.protect_personal_data import masked_faults
    from nightshift.ingest.landing.quarantine_records import refuse_excess
    from nightshift.ingest.sources import take

    delivery = masked_faults(take(spark, job), job.catalog.sources)
    made = decisions_of(job.use_case.name, job.dates)
    sources = judge(spark, job, delivery, made)
    with in_turn(job):
        # Another job may have kept another one since this one began.
        keep_calendar(job.use_case)
        try:
            delivery.refuse_faults()
            refuse_excess(job.use_case, job.dates, sources)
            publish_delivery(spark, job, delivery, sources, made)
        except TemporaryError:
            raise
        except NightshiftError:
            publish_blocked(spark, job, delivery, sources)
            raise


@contextlib.contextmanager
def refused_is_shown(job: Job) -> Iterator[None]:
    """Keep refused batch dates on the audit pages, with the reason, until they land."""
    try:
        yield
        expectations.show_landed(job.use_case, job.dates)
    except TemporaryError:
        raise
    except NightshiftError as error:
        expectations.show_refused(job.use_case, job.dates, str(error))
        raise


def say_at_a_glance(job: Job) -> None:
    """Say what names and sizes show before anything heavy starts; a delivery that blocks is set aside all the same.

    Raises:
        NightshiftError: if a delivery is not complete, or its manifest can't be read.
    """
    if not expects_manifest(job.catalog):
        return
    found = glance(job.catalog, job.dates)
    if found.is_blocked:
        shown = "\n".join(f"  {fault}" for fault in found.faults[:SHOWN_FAULTS])
        log.error("the delivery is refused; its files are set aside, which takes a minute:\n%s", shown)


def judge(spark: SparkSession, job: Job, delivery: Delivery, made: list[RowDecision]) -> list[Judged]:
    """The records of each source that came, parsed once and checked against the declaration and the decisions.

    What is cached, and all that follows, holds no personal data.
    """
    from nightshift.ingest.landing.apply_row_decisions import decided
    from nightshift.ingest.landing.judge_records import judged
    from nightshift.ingest.landing.protect_personal_data import masked, tokenised, without_erased
    from nightshift.ingest.landing.quarantine_records import counted
    from nightshift.ingest.landing.records import read_records

    rows = {}
    for table in job.catalog.sources:
        files = [file for file in delivery.of(table) if file.duplicate_of is None]
        if not files:
            continue
        found = decided(judged(masked(read_records(spark, table, files), table), table), table, made)
        if personal := personal_columns(table):
            gone = erased(job.use_case.name, {column.pii for column in personal if column.pii})
            found = without_erased(tokenised(found, table, known_key(job.use_case)), table, gone)
        rows[table] = found.cache()
    return counted(rows, delivery)


@contextlib.contextmanager
def in_turn(job: Job) -> Iterator[None]:
    """Let one landing of a use case publish after the other.

    Else, of two runs of the same date that read different editions of its delivery, the quarantine of one could end
    beside the sources of the other.
    """
    with turn(landing_turn(job.use_case)):
        yield


def publish_blocked(spark: SparkSession, job: Job, delivery: Delivery, sources: list[Judged]) -> None:
    """Publish what is set aside of deliveries that are blocked; what was of those in force stays beside it."""
    from nightshift.ingest.landing.delivery_in_force import beside_in_force

    if found := set_aside(spark, job, delivery, sources):
        rows, accounting = beside_in_force(spark, job, *found)
        publish(job, job.catalog[QUARANTINE], rows, audit=expectations.audit, accounting=accounting)


def publish_delivery(
    spark: SparkSession, job: Job, delivery: Delivery, sources: list[Judged], made: list[RowDecision]
) -> None:
    """Publish the accepted rows of every source with all that was set aside, or nothing where one slice is refused.

    A source that did not come is published as empty, and so is one whose files were all set aside.
    """
    from nightshift.ingest.landing.apply_row_decisions import sparing_released
    from nightshift.ingest.landing.judge_records import is_good
    from nightshift.ingest.landing.quarantine_records import source_accounting

    came = {source.table.name: source for source in sources}
    named = came.keys() | {fault.source for fault in delivery.faults}

    def slice_of(table: Table) -> Slice:
        source = came.get(table.name)
        accounting = source_accounting(table, source, delivery)
        if source is None:
            return Slice(table, empty(spark, table), expectations.audit, accounting)
        audit = sparing_released(expectations.audit, made) if source.released else expectations.audit
        return Slice(table, source.rows.where(is_good()).select(*table.column_names), audit, accounting)

    # What came without rows is published too, so that the ledger knows that it came.
    wanted = [t for t in job.catalog.sources if t.name in named or is_due(t, job) or must_publish(t, job, 0)]
    slices = [slice_of(table) for table in wanted]
    if found := set_aside(spark, job, delivery, sources):
        rows, accounting = found
        slices.insert(0, Slice(job.catalog[QUARANTINE], rows, expectations.audit, accounting))
    publish_all(job, slices)
    for source in sources if made else ():
        note_effect(job.use_case.name, source.table.name, job.dates, source.effects)


def set_aside(
    spark: SparkSession, job: Job, delivery: Delivery, sources: list[Judged]
) -> tuple[DataFrame, Accounting] | None:
    """What the quarantine takes in of these deliveries; None where there is nothing, and nothing to replace."""
    from nightshift.ingest.landing.quarantine_records import quarantine_accounting, quarantine_rows

    table, accounting = job.catalog[QUARANTINE], quarantine_accounting(delivery, sources)
    if not must_publish(table, job, sum(accounting.rows_in(date) for date in job.dates)):
        return None
    return quarantine_rows(spark, table, delivery, sources), accounting


def is_due(table: Table, job: Job) -> bool:
    """Whether any of the dates' deliveries must have a source."""
    source = table.source
    return source is not None and source.required and job.dates.last >= source.starts(job.use_case.dates.first)


def must_publish(table: Table, job: Job, rows: int) -> bool:
    """Whether there is anything to replace: rows to publish or published ones, or no table yet."""
    return rows > 0 or not table.exists() or any(date in job.dates for date in lake.published_dates(table))


def empty(spark: SparkSession, table: Table) -> DataFrame:
    """No rows of a table."""
    return spark.createDataFrame([], table.ddl)


if __name__ == "__main__":
    end(main())
