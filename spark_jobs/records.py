"""Landed files as records: one row per line or Parquet row, with its number and its raw text.

Text is read as lines and parsed here, never by Spark's CSV and JSON readers: those know neither line numbers
nor the text of what they could not parse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from nightshift.delivery import LandedFile
from nightshift.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

CORRUPT = "_corrupt"
# concat_ws leaves nulls out, and is compiled; filtering an array of reasons is interpreted and took twice as long.
SEPARATOR = "; "
CSV_OPTIONS = {
    "mode": "PERMISSIVE",
    "columnNameOfCorruptRecord": CORRUPT,
    "quote": '"',
    "escape": '"',
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
}
JSON_OPTIONS = {
    "mode": "PERMISSIVE",
    "columnNameOfCorruptRecord": CORRUPT,
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
}
# RFC 4180: quotes stand around a whole field and are doubled within. Spark's parser accepts more.
CSV_FIELD = r'(?:[^",]*+|"(?:[^"]++|"")*+")'
CSV_LINE = rf"\A{CSV_FIELD}(?:,{CSV_FIELD})*+\z"


def read_records(spark: SparkSession, table: Table, files: Sequence[LandedFile]) -> DataFrame:
    """All records of one source.

    Returns:
        ``batch_date, file, record, raw, faults, fields``: ``faults`` says why a record can't be parsed, and is
        empty where it can; ``fields`` is a struct of the declared columns, as text unless the file is Parquet.
    """
    assert table.source is not None
    paths = [str(file.path) for file in files]
    if table.source.format == "parquet":
        return _parquet_records(spark, table, paths)
    lines = numbered_lines(spark, paths)
    if table.source.format == "csv":
        return csv_records(lines.where(F.col("record") > 1), table)
    return json_records(lines, table)


def numbered_lines(spark: SparkSession, paths: Sequence[str]) -> DataFrame:
    """The lines of text files as ``batch_date, file, record, line``; the first line of a file is record 1.

    A large file is read in several blocks, and several files may share a task: a line's number is its place
    within its block plus the lines of the blocks before.
    """
    lines = (
        spark.read.option("lineSep", "\n")
        .text(list(paths))
        .select(
            F.col("_metadata.file_path").alias("path"),
            F.col("_metadata.file_block_start").alias("block"),
            F.monotonically_increasing_id().alias("id"),
            F.regexp_replace("value", r"\r\z", "").alias("line"),
        )
    )
    blocks = lines.groupBy("path", "block").agg(F.min("id").alias("first_id"), F.count("*").alias("lines"))
    before = Window.partitionBy("path").orderBy("block").rowsBetween(Window.unboundedPreceding, -1)
    offsets = blocks.withColumn("offset", F.coalesce(F.sum("lines").over(before), F.lit(0)))
    return lines.join(F.broadcast(offsets), on=["path", "block"], how="inner").select(
        *_place("path"),
        (F.col("id") - F.col("first_id") + F.col("offset") + 1).alias("record"),
        "line",
    )


def csv_records(lines: DataFrame, table: Table) -> DataFrame:
    """Lines of CSV, without the header, as records; an empty field is null."""
    names = [column.name for column in table.delivered_columns]
    parsed = lines.withColumn("parsed", F.from_csv("line", _text_schema(names), CSV_OPTIONS))
    faults = {
        f"is not a CSV line of {len(names)} fields": F.col(f"parsed.{CORRUPT}").isNotNull(),
        "is not a CSV line: a quote stands within a field, or is not closed": F.contains("line", F.lit('"'))
        & ~F.col("line").rlike(CSV_LINE),
    }
    fields = [F.nullif(F.col(f"parsed.{name}"), F.lit("")).alias(name) for name in names]
    return _records(parsed, faults, [], fields)


def json_records(lines: DataFrame, table: Table) -> DataFrame:
    """Lines of JSON as records; every declared key must be there, once, and no other."""
    names = [column.name for column in table.delivered_columns]
    declared = F.array(*[F.lit(name) for name in names])
    parsed = lines.withColumn("parsed", F.from_json("line", _text_schema(names), JSON_OPTIONS)).withColumn(
        "keys", F.json_object_keys("line")
    )
    keys = F.col("keys")
    faults = {"is not one JSON object": keys.isNull() | F.col(f"parsed.{CORRUPT}").isNotNull() | ~_stands_alone("line")}
    # Records as declared, the usual case, are through with one comparison.
    differs = keys != declared
    key_faults = [
        _naming("lacks the key", differs, F.array_except(declared, keys)),
        _naming("has the undeclared key", differs, F.array_except(keys, declared)),
        F.when(differs & (F.size(keys) > F.size(F.array_distinct(keys))), F.lit("has a key twice")),
    ]
    return _records(parsed, faults, key_faults, [F.col(f"parsed.{name}").alias(name) for name in names])


def _stands_alone(line: str) -> Column:
    """Whether nothing follows the JSON object: every JSON function of Spark ignores what does."""
    ends_with_first_brace = F.locate("}", line) == F.length(line)
    # Within brackets and within an object, text that follows is an error.
    in_array = F.json_array_length(F.concat(F.lit("["), line, F.lit("]"))).eqNullSafe(F.lit(1))
    in_object = F.json_object_keys(F.concat(F.lit('{"_":'), line, F.lit("}"))).isNotNull()
    return ends_with_first_brace | (in_array & in_object)


def _records(
    parsed: DataFrame, exclusive: dict[str, Column], others: Sequence[Column], fields: Sequence[Column]
) -> DataFrame:
    """Faults and fields of parsed lines; the first of the exclusive faults hides those after it."""
    fault = F.when(~F.is_valid_utf8("line"), F.lit("is not valid UTF-8"))
    fault = fault.when(F.trim("line") == "", F.lit("is a blank line"))
    for reason, applies in exclusive.items():
        fault = fault.when(applies, F.lit(reason))
    return parsed.select(
        "batch_date",
        "file",
        "record",
        # Readers of Parquet refuse text that is not UTF-8.
        F.make_valid_utf8("line").alias("raw"),
        F.concat_ws(SEPARATOR, fault, *others).alias("faults"),
        F.struct(*fields).alias("fields"),
    )


def _parquet_records(spark: SparkSession, table: Table, paths: Sequence[str]) -> DataFrame:
    columns = table.delivered_columns
    schema = ", ".join(f"`{column.name}` {column.type}" for column in columns)
    rows = spark.read.schema(schema).parquet(*paths)
    fields = F.struct(*[column.name for column in columns])
    return rows.select(
        *_place("_metadata.file_path"),
        (F.col("_metadata.row_index") + 1).alias("record"),
        F.to_json(fields, {"ignoreNullFields": "false"}).alias("raw"),
        F.lit("").alias("faults"),
        fields.alias("fields"),
    )


def _place(path: str) -> list[Column]:
    """Batch date and file name from a file's path, which ends in ``<batch date>/<file>``."""
    parts = F.split(path, "/")
    return [F.element_at(parts, -2).cast("date").alias("batch_date"), F.element_at(parts, -1).alias("file")]


def _naming(what: str, applies: Column, names: Column) -> Column:
    listed = F.concat(F.lit(f"{what} '"), F.concat_ws("', '", names), F.lit("'"))
    return F.when(applies & (F.size(names) > 0), listed)


def _text_schema(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}` string" for name in (*names, CORRUPT))
