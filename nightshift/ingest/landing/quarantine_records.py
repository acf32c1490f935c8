"""What was not accepted: counting it, keeping it, and saying when it is too much."""

from __future__ import annotations

import datetime as dt
import functools
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DataError
from nightshift.ingest.delivery import Delivery
from nightshift.ingest.landing.judge_records import RULES_SEPARATOR, is_good
from nightshift.ingest.landing.records import PLACE
from nightshift.ingest.quarantine.decide_rows import land_again
from nightshift.ledger import SET_ASIDE, Input
from nightshift.ledger.row_accounting import Accounting

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

log = logging.getLogger("nightshift")

VERDICT = ("rules", "reason", "raw", "status", "decided_by", "decided_why")
TOP_RULES = 10
RAW_SHOWN = 200


@dataclass(frozen=True)
class Judged:
    """The judged records of one source, and where they go.

    Attributes:
        accounting: what the files gave per batch date, and how much of it was set aside.
        open: rows set aside per batch date that nobody has rejected; these count against the tolerance.
        effects: rows that each decision was about.
        released: how many rows a decision let pass.
    """

    table: Table
    rows: DataFrame
    accounting: Accounting
    open: Mapping[dt.date, int]
    effects: Mapping[int, int]
    released: int

    def quarantined(self) -> dict[dt.date, int]:
        """Rows set aside per batch date."""
        return {date: self.accounting.quarantined(date) for date in self.accounting.inputs}

    def read(self, date: dt.date) -> int:
        """Rows that were checked against the declaration: those of a file that came twice count once."""
        return self.accounting.rows_in(date) - self.accounting.deduplicated(date)


def counted(rows: Mapping[Table, DataFrame], delivery: Delivery) -> list[Judged]:
    """Count what was set aside per source, batch date and file, in one Spark job for all."""
    place = (PARTITION, "file_sha256", "_decision")
    counts = [
        judged.groupBy(*place)
        .agg(
            F.count_if(~is_good()).alias("bad"),
            F.count_if(~is_good() & (F.col("_status") == "open")).alias("open"),
            F.count_if(is_good() & F.col("_decision").isNotNull()).alias("released"),
        )
        .withColumn("source", F.lit(table.name))
        for table, judged in rows.items()
    ]
    found = defaultdict(list)
    for row in _union(counts).collect() if counts else ():
        found[row.source].append(row)
    return [_judged(table, judged, found[table.name], delivery) for table, judged in rows.items()]


def _judged(table: Table, rows: DataFrame, found: Sequence[Row], delivery: Delivery) -> Judged:
    bad: Counter[tuple[dt.date, str]] = Counter()
    still_open: Counter[dt.date] = Counter()
    effects: Counter[int] = Counter()
    released = 0
    for row in found:
        bad[row.batch_date, row.file_sha256] += row.bad
        still_open[row.batch_date] += row.open
        released += row.released
        if row["_decision"] is not None:
            effects[row["_decision"]] += row.bad + row.released
    inputs: dict[dt.date, list[Input]] = {}
    for file in delivery.of(table):
        is_double = file.duplicate_of is not None
        inputs.setdefault(file.batch_date, []).append(
            Input(
                kind=file.kind,  # type: ignore[arg-type]
                name=file.name,
                version=file.sha256,
                rows=file.rows,
                quarantined=0 if is_double else bad[file.batch_date, file.sha256],
                deduplicated=file.rows if is_double else 0,
                origin=file.origin,
            )
        )
    return Judged(table, rows, Accounting(inputs), still_open, effects, released)


def source_accounting(table: Table, source: Judged | None, delivery: Delivery) -> Accounting:
    """What a source took in, the rows of files that were set aside as a whole among it.

    Args:
        source: its judged records; None where no good file came.
    """
    inputs = {date: list(several) for date, several in source.accounting.inputs.items()} if source else {}
    for fault in delivery.faults:
        if fault.source == table.name:
            taken = Input("file", fault.file, fault.digest, fault.rows, quarantined=fault.rows, origin=SET_ASIDE)
            inputs.setdefault(fault.batch_date, []).append(taken)
    return Accounting(inputs)


def quarantine_accounting(delivery: Delivery, sources: Iterable[Judged]) -> Accounting:
    """What the quarantine takes in: rejected records, and one row for each faulty file."""
    inputs: dict[dt.date, list[Input]] = {}
    for fault in delivery.faults:
        origin = f"found with SHA-256 {fault.sha256}" if fault.sha256 not in (None, fault.digest) else None
        inputs.setdefault(fault.batch_date, []).append(Input("file", fault.file, fault.digest, 1, origin=origin))
    for source in sources:
        for date, several in source.accounting.inputs.items():
            taken = [
                Input(each.kind, each.name, each.version, each.quarantined) for each in several if each.quarantined
            ]
            inputs.setdefault(date, []).extend(taken)
    return Accounting(inputs)


def quarantine_rows(spark: SparkSession, table: Table, delivery: Delivery, sources: Iterable[Judged]) -> DataFrame:
    """Rejected records and faulty files, in the columns of the quarantine ``table``."""
    faults = spark.createDataFrame(
        [
            (
                *(each.batch_date, each.source, each.file, each.sha256, 0, each.rule, f"the file {each.reason}"),
                *(None, "open", None, None),
            )
            for each in delivery.faults
        ],
        table.ddl,
    )
    bad = [
        source.rows.where(~is_good()).select(
            *PLACE, F.lit(source.table.name).alias("source"), *[F.col(f"_{name}").alias(name) for name in VERDICT]
        )
        for source in sources
        if any(source.quarantined().values())
    ]
    return _union([faults, *[each.select(*table.column_names) for each in bad]])


def refuse_excess(use_case: UseCase, dates: BatchDates, sources: Iterable[Judged]) -> None:
    """Block the run where too large a share of a source's rows was set aside, rows that a person rejected aside.

    Raises:
        NightshiftError: naming source, date, share, each broken rule with its count and an example, and what to do.
    """
    excess = []
    for source in sources:
        if source.released:
            log.warning("%s: %s rows pass by decision of a person", source.table.label, source.released)
        total = sum(source.quarantined().values())
        if not total:
            continue
        reasons = _top_rules(source)
        log.warning("quarantined %s of %s\n%s", total, source.table.label, "\n".join(reasons))
        tolerated = tolerated_share(use_case, source.table)
        worst = [
            f"  {source.table.name} of {date}: {bad} of {source.read(date)} rows ({share:.1%}), "
            f"tolerated are {tolerated:.1%}"
            for date, bad in sorted(source.open.items())
            if (share := bad / max(source.read(date), 1)) > tolerated
        ]
        if worst:
            excess += [*worst[:5], *([f"  and {len(worst) - 5} more dates"] if len(worst) > 5 else []), *reasons]
    if excess:
        listed = "\n".join(excess)
        raise DataError(
            f"more rows of {use_case.name} were quarantined than is tolerated (`source.tolerated_quarantine_share` in "
            "tables.yaml, or `delivery.tolerated_quarantine_share` in use_case.yaml); nothing of these dates was "
            f"published to the source tables:\n{listed}\nNext: see them with `nightshift quarantine list "
            f"--use-case {use_case.name} --dates {dates}` and, row by row, with `nightshift quarantine show "
            f"--use-case {use_case.name} --dates {dates}`; ask the sender to deliver again, fix the rule in "
            "tables.yaml, or decide with `nightshift quarantine release --use-case "
            f"{use_case.name} --table … --date … --who … --why …` (or `reject`); then run the stage again:\n"
            f"{land_again(use_case.name, dates)}"
        )


def tolerated_share(use_case: UseCase, table: Table) -> float:
    """Share of a source's rows per batch date, each counted once, that may be in quarantine without a decision."""
    assert table.source is not None
    own = table.source.tolerated_quarantine_share
    return use_case.delivery.tolerated_quarantine_share if own is None else own


def _top_rules(source: Judged) -> list[str]:
    """The rules that most rows break, each with its number of rows and the first of them."""
    first = F.min_by(F.struct(PARTITION, "file", "record", "_reason", "_raw"), F.struct(PARTITION, "file", "record"))
    broken = source.rows.where(~is_good()).withColumn("_rule", F.explode(F.split("_rules", RULES_SEPARATOR)))
    top = broken.groupBy("_rule").agg(F.count("*").alias("rows"), first.alias("first"))
    lines = []
    found = top.orderBy(F.desc("rows"), "_rule").limit(TOP_RULES + 1).collect()
    for row in found[:TOP_RULES]:
        like = row["first"]
        lines.append(f"    {row['_rule']}: {row.rows} rows")
        lines.append(f"      like {like.batch_date}/{like.file} record {like.record}: {like['_reason']}")
        lines.append(f"        {(like['_raw'] or '')[:RAW_SHOWN]}")
    if len(found) > TOP_RULES:
        lines.append("    and other rules")
    return lines


def _union(frames: list[DataFrame]) -> DataFrame:
    return functools.reduce(DataFrame.unionByName, frames)
