"""Rows of one person: finding them in every layer, and publishing the slices that held them without them.

A person is known in the lake by a token, which is unique: it is looked for in every text column, declared as personal
or not.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F

import expectations
from nightshift import lake, ledger
from nightshift.dates import BatchDates, as_ranges
from nightshift.declarations.tables import PARTITION, QUARANTINE, REASONS, Table
from nightshift.errors import ConflictError
from nightshift.ingest.landing.protect_personal_data import erased_mark
from nightshift.job import Job
from nightshift.lake.audit_report import Audit, AuditReport, Check
from nightshift.lake.publication import publish
from nightshift.ledger import Entry, Input
from nightshift.ledger.row_accounting import Accounting

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

FILE_COLUMNS = ("file", "file_sha256")
# How the name of an extract begins, which no file's does.
QUERY = "jdbc:"


@dataclass(frozen=True)
class FoundRows:
    """Rows of a person in one table.

    Attributes:
        version: of the table, as it was searched.
        rows: how many, per batch date and, where they were landed, name and digest of their file.
    """

    table: Table
    version: int
    rows: Mapping[tuple[dt.date, str, str], int]

    @property
    def by_date(self) -> dict[dt.date, int]:
        """How many per batch date."""
        counts: dict[dt.date, int] = {}
        for (date, _, _), number in sorted(self.rows.items()):
            counts[date] = counts.get(date, 0) + number
        return counts


def find_tables(spark: SparkSession, tables: Iterable[Table], token: str) -> list[FoundRows]:
    """The tables that hold rows of a person."""
    found = []
    for table in tables:
        if not table.exists() or not _texts(table):
            continue
        version = lake.newest_version(table)
        place = [F.col(name) if table.source else F.lit("").alias(name) for name in FILE_COLUMNS]
        mine = lake.read(spark, table, version=version).where(_is_about(table, token)).select(PARTITION, *place)
        rows = {(row[0], row[1], row[2]): row[3] for row in mine.groupBy(PARTITION, *FILE_COLUMNS).count().collect()}
        if rows:
            found.append(FoundRows(table, version, rows))
    return found


def keep_account(spark: SparkSession, job: Job, found: FoundRows, token: str) -> None:
    """Put rows into quarantine that are about to leave a source table: without content, but counted.

    So the sum of delivered rows still agrees, also if the removal is cut off and begins again.
    """
    quarantine = job.catalog[QUARANTINE]
    version = lake.newest_version(quarantine) if quarantine.exists() else None
    for dates in as_ranges(found.by_date, calendar=job.use_case.calendar):
        rows = lake.read(spark, found.table, dates, version=found.version).where(_is_about(found.table, token))
        marked = rows.withColumns({"source": F.lit(found.table.name), **erased_mark()}).select(*quarantine.column_names)
        there = (
            spark.createDataFrame([], quarantine.ddl)
            if version is None
            else lake.read(spark, quarantine, dates, version=version)
        )
        new = marked.join(there, on=[PARTITION, "source", "file_sha256", "record"], how="left_anti")
        both = there.unionByName(new).cache()
        inputs: dict[dt.date, list[Input]] = {}
        for date, name, sha256, number in both.groupBy(PARTITION, *FILE_COLUMNS).count().collect():
            kind: Literal["file", "query"] = "query" if name.startswith(QUERY) else "file"
            inputs.setdefault(date, []).append(Input(kind, name, sha256 or "", number))
        account = Accounting(inputs)
        version = _replaced(replace(job, dates=dates), quarantine, both, expectations.audit, account, version)
        both.unpersist()


def remove(spark: SparkSession, job: Job, found: FoundRows, token: str) -> None:
    """Publish the slices of a table without the person's rows.

    Raises:
        AuditError: if anything else than the person's rows is gone, or a stage published to the table meanwhile.
        NightshiftError: if a slice does not balance, or a stage published to the table after the audit.
    """
    version, entries = found.version, _entries(job, found.table, found.by_date)
    calendar = job.use_case.calendar
    counted = [date for date in found.by_date if _has_account(entries.get(date))]
    for dates in [
        each for some in (counted, found.by_date.keys() - set(counted)) for each in as_ranges(some, calendar=calendar)
    ]:
        rest = lake.read(spark, found.table, dates, version=found.version).where(~_is_about(found.table, token))
        audit = _audit(rest, job, found, token, version)
        accounting = _accounting(found, entries, dates)
        version = _replaced(replace(job, dates=dates), found.table, rest, audit, accounting, version)


def _texts(table: Table) -> list[str]:
    """SQL of each text that a row has, within its reasons, too."""
    found = [
        f"`{column.name}`" for column in table.data_columns if column.type == "string" and column.role != "lineage"
    ]
    for column in table.data_columns:
        if column.type == REASONS:
            found += [f"array_join(`{column.name}`.{field}, '\\n')" for field in ("value", "phrase")]
    return found


def _is_about(table: Table, token: str) -> Column:
    holds = [F.coalesce(F.contains(F.expr(text), F.lit(token)), F.lit(False)) for text in _texts(table)]
    return functools.reduce(operator.or_, holds)


def _audit(rest: DataFrame, job: Job, found: FoundRows, token: str, version: int) -> Audit:
    """What was audited when it was published, less the person: nothing but those rows may be gone, and none changed."""

    def audited(rows: DataFrame | None, table: Table, dates: BatchDates, expected_rows: int | None) -> AuditReport:
        assert rows is not None
        before, after = _checksums(rest, table), _checksums(rows, table)
        checks = (
            Check(
                "only_the_person_is_gone",
                "blocks",
                "Every other row must be as it was: counts and checksums per batch date agree.",
                passed=before == after,
                observed="" if before == after else f"before {before}, after {after}",
            ),
            Check(
                "nothing_was_published_meanwhile",
                "blocks",
                "What a stage published while this ran would be taken back: run the erasure again.",
                passed=lake.newest_version(table) == version,
            ),
        )
        known = ledger.profiles(table.use_case, table.short_name, dates)
        profiles = {date: each for date, each in known.items() if token not in json.dumps(each, default=str)}
        return AuditReport(checks, page=expectations.write_page(checks, table, dates), profiles=profiles)

    return audited


def _checksums(rows: DataFrame, table: Table) -> dict[dt.date, tuple[int, str]]:
    """Number of rows and, whatever their order, a sum over their hashes per batch date."""
    hashed = rows.select(PARTITION, F.xxhash64(*table.column_names).cast("decimal(38,0)").alias("hash"))
    sums = hashed.groupBy(PARTITION).agg(F.count("*"), F.sum("hash").cast("string"))
    return {date: (number, total) for date, number, total in sums.collect()}


def _replaced(
    job: Job, table: Table, rows: DataFrame, audit: Audit, accounting: Accounting, version: int | None
) -> int:
    """Publish a slice in place of that of a version; returns the new version.

    Raises:
        NightshiftError: if anything was published meanwhile; a later run of the same dates, too, has the person's rows.
    """
    published = publish(job, table, rows, audit=audit, accounting=accounting, replaces_version=version)
    seen = _entries(job, table, [job.dates.first])[job.dates.first]
    if seen.run_id != job.run_id:
        raise ConflictError(
            f"{table.label} {job.dates} was published by run {seen.run_id} while the person was removed from it: let "
            f"the runs of {job.use_case.name} end, then run the erasure again"
        )
    return published.version


def _entries(job: Job, table: Table, dates: Iterable[dt.date]) -> dict[dt.date, Entry]:
    """What the ledger says of slices as readers see them now."""
    return {
        date: entry
        for date in dates
        for entry in ledger.latest(job.use_case.name, date, published=True)
        if entry.table_name == table.short_name
    }


def _accounting(found: FoundRows, entries: Mapping[dt.date, Entry], dates: BatchDates) -> Accounting:
    """The account of the slices as it was, with the person's rows set aside; none where there was none."""
    taken = {date: ledger.inputs(entries[date]) if date in entries else [] for date in dates}
    if not _has_account(entries.get(dates.first)):
        return Accounting(taken, aggregated=True)
    return Accounting({date: list(_set_aside(found, date, inputs)) for date, inputs in taken.items()})


def _has_account(entry: Entry | None) -> bool:
    """Whether a slice's rows were compared with those that went in."""
    return entry is not None and entry.rows_in is not None


def _set_aside(found: FoundRows, date: dt.date, inputs: Sequence[Input]) -> Iterator[Input]:
    """Inputs that gave the person's rows too: by file where they were landed, else by how many rows each gave.

    What finds no place is missing in the sum, for which the publication is then refused.
    """
    left = found.by_date[date]
    for each in inputs:
        if found.table.source is not None:
            gone = found.rows.get((date, each.name, each.version), 0)
        else:
            gone = min(left, each.rows - each.quarantined - each.deduplicated)
            left -= gone
        yield replace(each, quarantined=each.quarantined + gone)
