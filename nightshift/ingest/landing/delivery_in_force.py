"""What the quarantine keeps of the delivery in force, beside what is set aside of one that is blocked.

While a corrected delivery is blocked, readers see the slices of the one before it, and the ledger counts the rows that
were set aside of those. So they stay where people look for them, until the correction is published.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from nightshift import lake, ledger
from nightshift.declarations.source import JdbcSource
from nightshift.declarations.tables import PARTITION, QUARANTINE
from nightshift.job import Job
from nightshift.lake.recovery import recover_entries
from nightshift.ledger import Entry, Input
from nightshift.ledger.row_accounting import Accounting

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

# Where the quarantine's inputs say that they come from, once a delivery was blocked.
OF_BLOCKED_DELIVERY = "of a delivery that was blocked"
IN_FORCE = "of the delivery in force"


def beside_in_force(
    spark: SparkSession, job: Job, rows: DataFrame, accounting: Accounting
) -> tuple[DataFrame, Accounting]:
    """What a blocked delivery sets aside, with what was set aside of the slices that readers go on seeing.

    A record that both have, as its file came a second time, is there once, as it was judged now.

    Args:
        rows: of the blocked delivery, in the columns of the quarantine.
        accounting: of these rows.
    """
    recover_entries(job.catalog)
    landed = ledger.delivered(job.use_case.name, job.dates)
    inputs = {
        date: [_marked(each, landed.get(date, {})) for each in several] for date, several in accounting.inputs.items()
    }
    table = job.catalog[QUARANTINE]
    if landed and table.exists():
        present = _in_force(spark, job, landed).alias("present")
        kept = present.join(rows.alias("now"), on=_is_same(), how="left_anti").select(*table.column_names).cache()
        queries = {each.name for each in job.catalog.sources if isinstance(each.source, JdbcSource)}
        for row in kept.groupBy(PARTITION, "source", "file", "file_sha256").count().collect():
            kind = "query" if row.source in queries else "file"
            taken = Input(kind, row.file, row.file_sha256 or "", row["count"], origin=IN_FORCE)  # type: ignore[arg-type]
            inputs.setdefault(row.batch_date, []).append(taken)
        rows = rows.unionByName(kept)
    return rows, Accounting(inputs)


def _marked(taken: Input, landed: Mapping[str, str]) -> Input:
    """An input that says whether its delivery was blocked, or the file is one of those in force."""
    said = IN_FORCE if landed.get(taken.name) == taken.version else OF_BLOCKED_DELIVERY
    return dataclasses.replace(taken, origin=said if taken.origin is None else f"{taken.origin}, {said}")


def _is_same() -> list[Column]:
    """Whether a record, or a whole file, is in both: by content, as a file may come again under another name."""
    names = (PARTITION, "source", "file_sha256", "record")
    is_record = F.col("present.record") > 0
    return [
        *(F.col(f"present.{name}").eqNullSafe(F.col(f"now.{name}")) for name in names),
        is_record | (F.col("present.file") == F.col("now.file")),
    ]


def _in_force(spark: SparkSession, job: Job, landed: Mapping[dt.date, Mapping[str, str]]) -> DataFrame:
    """The quarantined rows of the files that published slices name, and whole files that they do without.

    Args:
        landed: digest by name of what the source tables hold of each batch date.
    """
    table = job.catalog[QUARANTINE]
    present = lake.read(spark, table, job.dates)
    files = [(date, sha256) for date, names in landed.items() for sha256 in sorted(set(names.values()))]
    known = F.broadcast(spark.createDataFrame(files, f"{PARTITION} date, file_sha256 string"))
    records = present.where("record > 0").join(known, on=[PARTITION, "file_sha256"], how="left_semi")
    return records.select(*table.column_names).unionByName(
        present.where("record = 0").where(_is_tolerated(job, landed))
    )


def _is_tolerated(job: Job, landed: Mapping[dt.date, Mapping[str, str]]) -> Column:
    """Whether a whole file was set aside by a delivery that is in force, and not by one that was blocked since."""
    newest: dict[dt.date, Entry] = {}
    for entry in ledger.publications(job.use_case.name, QUARANTINE, landed):
        newest.setdefault(entry.batch_date, entry)
    dates: list[dt.date] = []
    places: list[str] = []
    for date, entry in newest.items():
        inputs = ledger.inputs(entry)
        if any(OF_BLOCKED_DELIVERY in (each.origin or "") for each in inputs):
            places += [f"{date}/{each.name}/{each.version}" for each in inputs if each.origin == IN_FORCE]
        else:
            dates.append(date)
    place = F.concat_ws("/", F.col(PARTITION).cast("string"), "file", F.coalesce("file_sha256", F.lit("")))
    return F.col(PARTITION).isin(dates) | place.isin(places)
