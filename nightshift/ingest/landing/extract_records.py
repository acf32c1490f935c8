"""Rows of extracts of databases as records: some columns typed, others as the text that the database wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from nightshift.declarations.tables import Table
from nightshift.ingest.delivery.column_drift import columns_at, delivered_names, landed_columns
from nightshift.ingest.landing.record_form import json_of
from nightshift.ingest.privacy.person_files import ASIDE

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def extract_records(spark: SparkSession, table: Table, version: int, paths: Sequence[str]) -> DataFrame:
    """Rows of the Parquet files of an extract; no row can be unreadable, as the database wrote what is text.

    Args:
        version: of the table.
    """
    called = delivered_names(table, version)
    rows = spark.read.parquet(*paths)
    declared = json_of([F.col(called[column.name]) for column in columns_at(table, version)])
    fields = [
        (F.col(called[column.name]) if column.name in called else F.lit(None).cast(column.type)).alias(column.name)
        for column in landed_columns(table)
    ]
    return rows.select(
        F.col("_metadata.file_name").alias("path"),
        (F.col("_metadata.row_index") + 1).alias("record"),
        F.coalesce(_joined(declared, F.col(ASIDE)), declared).alias("raw"),
        F.lit("").alias("faults"),
        F.struct(*fields).alias("fields"),
        F.col(ASIDE).alias("extra"),
        F.lit("").alias("fault_rules"),
    )


def _joined(first: Column, second: Column) -> Column:
    """The fields of two JSON objects in one; null where either is."""
    return F.concat(F.substr(first, F.lit(1), F.length(first) - 1), F.lit(","), F.substr(second, F.lit(2)))
