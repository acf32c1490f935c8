"""Landed files as records: one row per line or Parquet row, with its number and its raw text.

Text is read as lines and parsed here, never by Spark's CSV and JSON readers: those know neither line numbers
nor the text of what they could not parse.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from nightshift.declarations.source import FileSource
from nightshift.declarations.tables import Table
from nightshift.ingest.delivery import LandedFile
from nightshift.ingest.landing.extract_records import extract_records
from nightshift.ingest.landing.parquet_records import added_types, parquet_records
from nightshift.ingest.landing.text_records import csv_records, json_records

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


PLACE = ("batch_date", "file", "file_sha256", "record")


def read_records(spark: SparkSession, table: Table, files: Sequence[LandedFile]) -> DataFrame:
    """All records of one source; a file that doubles another one of its delivery is not read.

    Returns:
        ``batch_date, file, file_sha256, record, raw, faults, fault_rules, fields, extra, _version``: ``faults`` says
        why a record can't be parsed, ``fault_rules`` names those faults by commas, and both are empty where it can.
        ``fields`` is a struct of all columns that files of the table hold, as text unless the file is typed; null
        are those that files of the ``_version`` do not have. ``extra`` is a JSON object of what is not declared.
    """
    groups: dict[tuple[int, tuple[str, ...]], list[LandedFile]] = {}
    for file in files:
        if file.duplicate_of is None:
            groups.setdefault((file.version, _layout(table, file)), []).append(file)
    # As a rule one group: files differ where one of them has drifted, or is from before a change of the table.
    parts = [_of_one_layout(spark, table, alike) for alike in groups.values()]
    return functools.reduce(lambda some, more: some.unionByName(more), parts)


def _layout(table: Table, file: LandedFile) -> tuple[str, ...]:
    """What files must have in common to be read as one: JSON Lines say it in every record."""
    form = form_of(table)
    if form == "parquet" and file.by_arrow:
        return ("read by Arrow",)
    if form == "parquet":
        return (
            *(f"{name} {kind.simpleString()}" for name, kind in added_types(file).items()),
            *(f"{name} without type" for name in sorted(file.untyped)),
        )
    return file.columns if form == "csv" else ()


def form_of(table: Table) -> str:
    """How the landed files of a source are written."""
    return table.source.format if isinstance(table.source, FileSource) else "extract"


def _of_one_layout(spark: SparkSession, table: Table, files: Sequence[LandedFile]) -> DataFrame:
    form, version = form_of(table), files[0].version
    paths = sorted({file.path.spark_pattern for file in files})
    if form == "parquet":
        records = parquet_records(spark, table, files, paths)
    elif form == "extract":
        records = extract_records(spark, table, version, paths)
    else:
        lines = numbered_lines(spark, paths)
        if form == "csv":
            records = csv_records(lines.where(F.col("record") > 1), table, files[0].columns, version)
        else:
            records = json_records(lines, table, version)
    return _placed(spark, records, files).select(
        *PLACE, "raw", "faults", "fault_rules", "fields", "extra", F.lit(version).alias("_version")
    )


def _placed(spark: SparkSession, records: DataFrame, files: Sequence[LandedFile]) -> DataFrame:
    """Records with the batch date, name and digest of their file in place of its path."""
    if len(files) == 1:  # as on most nights, which a join would cost a Spark job
        file = files[0]
        return records.withColumns(
            {"batch_date": F.lit(file.batch_date), "file": F.lit(file.name), "file_sha256": F.lit(file.sha256)}
        )
    # A file of equal content may have come on several dates: its rows are rows of each.
    places = spark.createDataFrame(
        [(file.path.name, file.batch_date, file.name, file.sha256) for file in files],
        "path string, batch_date date, file string, file_sha256 string",
    )
    return records.join(F.broadcast(places), on="path", how="inner")


def numbered_lines(spark: SparkSession, paths: Sequence[str]) -> DataFrame:
    """The lines of text files as ``path, record, line``; ``path`` is the file's name, its first line is record 1.

    A large file is read in several blocks, and several files may share a task: a line's number is its place
    within its block plus the lines of the blocks before.
    """
    lines = (
        spark.read.option("lineSep", "\n")
        .text(list(paths))
        .select(
            F.col("_metadata.file_name").alias("path"),
            F.col("_metadata.file_block_start").alias("block"),
            F.monotonically_increasing_id().alias("id"),
            _without_carriage_return(F.col("value")).alias("line"),
        )
    )
    blocks = lines.groupBy("path", "block").agg(F.min("id").alias("first_id"), F.count("*").alias("lines"))
    before = Window.partitionBy("path").orderBy("block").rowsBetween(Window.unboundedPreceding, -1)
    offsets = blocks.withColumn("offset", F.coalesce(F.sum("lines").over(before), F.lit(0)))
    return lines.join(F.broadcast(offsets), on=["path", "block"], how="inner").select(
        "path",
        (F.col("id") - F.col("first_id") + F.col("offset") + 1).alias("record"),
        "line",
    )


def _without_carriage_return(line: Column) -> Column:
    """A line without the CR of its end; as it is where it is not UTF-8, which regular expressions would hide."""
    ends_in_cr = line.endswith("\r") & F.is_valid_utf8(line)
    return F.when(ends_in_cr, F.regexp_replace(line, r"\r\z", "")).otherwise(line)
