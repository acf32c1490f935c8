"""Lines of CSV and JSON as records: their fields as text, and what keeps them from being parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from nightshift.declarations import tables
from nightshift.declarations.tables import Table
from nightshift.ingest.delivery.column_drift import delivered_names
from nightshift.ingest.delivery.text_lines import LINE_BYTES
from nightshift.ingest.landing.record_form import WITH_NULLS, all_fields, broken, joined, json_of, reasons_by_rule

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

CORRUPT = "_corrupt"
# Spark's parser of CSV is told how many fields a line has at most, and one of more would end the job.
PARSED_FIELDS = 20_480
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
    # By default, no text is longer than 20 million characters.
    "maxStringLen": str(LINE_BYTES),
}
# RFC 4180: quotes stand around a whole field and are doubled within. Spark's parser accepts more. Possessive
# repetition needs no memory, and takes the first form of a field that fits: the one with quotes, as it fits less.
CSV_FIELD = r'(?:"(?:[^"]++|"")*+"|[^",]*+)'
CSV_LINE = rf"\A{CSV_FIELD}(?:,{CSV_FIELD})*+\z"
# How JSON values that are no text begin: objects, arrays, true and false, numbers. Spark puts those in quotes that are
# too large for a double.
OTHER_THAN_TEXT = '{[tf-0123456789"'
# A NUL that JSON spells as an escape: an odd number of backslashes stands before the u.
JSON_NUL = r"(?<!\\)(?:\\\\)*+\\u0000"
# JSON spells a character beyond 16 bits as two escapes, of which Spark takes one alone for a question mark.
JSON_HALF = r"\\u[dD][89abAB][0-9a-fA-F]{2}"
JSON_OTHER_HALF = r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
JSON_WHOLE = rf"(?s)\A(?:[^\\]++|{JSON_HALF}{JSON_OTHER_HALF}|\\(?!u[dD][89a-fA-F]).)*+\z"

# A number of a JSON text, and before it whatever stands since the last one: texts as a whole, and other signs.
JSON_NUMBER = r'(?s)\G((?:"(?:[^"\\]++|\\.)*+"|[^"0-9-]++)*+)(-?[0-9][0-9.eE+-]*+)'
# Of private use, by which numbers are told from text; one that a line does not hold is taken.
MARKS = ("\ue000", "\ue123", "\ue456")


def csv_records(
    lines: DataFrame, table: Table, header: Sequence[str] | None = None, version: int | None = None
) -> DataFrame:
    """Lines of CSV, without the header, as records; an empty field is null.

    Args:
        header: names of the columns in the file's order; the declared ones if None.
    """
    declared = delivered_names(table, version or table.version)
    names = list(header or declared.values())
    # By place, as a header may hold any text.
    places = {name: f"c{place}" for place, name in enumerate(names)}
    options = {**CSV_OPTIONS, "maxColumns": str(max(PARSED_FIELDS, len(names)))}
    read = F.from_csv("line", _text_schema(list(places.values())), options)
    parsed = lines.withColumn("parsed", F.when(_can_be_parsed("line", len(names)), read))
    faults = {
        # Spark's parser would leave it out silently.
        ("csv", "begins with a byte order mark"): F.startswith("line", F.lit("\ufeff")),
        ("csv", f"is not a CSV line of {len(names)} fields"): F.col("parsed").isNull()
        | F.col(f"parsed.{CORRUPT}").isNotNull(),
        ("csv", "is not a CSV line: a quote stands within a field, or is not closed"): F.contains("line", F.lit('"'))
        & ~F.col("line").rlike(CSV_LINE),
    }
    values = {name: F.nullif(F.col(f"parsed.{place}"), F.lit("")) for name, place in places.items()}
    undeclared = [value.alias(name) for name, value in values.items() if name not in declared.values()]
    own = {column: values[name] for column, name in declared.items()}
    return _records(parsed, table, faults, {}, own, json_of(undeclared))


def json_records(lines: DataFrame, table: Table, version: int | None = None) -> DataFrame:
    """Lines of JSON as records; every declared key must be there, once. Others are kept aside."""
    called = delivered_names(table, version or table.version)
    names = list(called.values())
    declared = F.array(*[F.lit(name) for name in names])
    parsed = lines.withColumn("parsed", F.from_json("line", _text_schema(names), JSON_OPTIONS)).withColumn(
        "keys", F.json_object_keys("line")
    )
    keys = F.col("keys")
    faults = {
        ("json", "is not one JSON object"): keys.isNull()
        | F.col(f"parsed.{CORRUPT}").isNotNull()
        | ~_stands_alone("line"),
        ("nul", r"holds a NUL character, as \u0000"): F.contains("line", F.lit(r"\u0000"))
        & F.col("line").rlike(JSON_NUL),
        ("utf8", r"holds half a character, like \ud83d without its other half"): (
            F.contains("line", F.lit(r"\ud")) | F.contains("line", F.lit(r"\uD"))
        )
        & ~F.col("line").rlike(JSON_WHOLE),
    }
    # Records as declared, the usual case, are through with one comparison.
    differs = keys != declared
    undeclared = F.array_except(keys, declared)
    others = {
        "keys": [
            _naming("lacks the key", differs, F.array_except(declared, keys)),
            F.when(differs & (F.size(keys) > F.size(F.array_distinct(keys))), F.lit("has a key twice")),
        ],
        "type": [_other_than_text(called[column.name]) for column in table.columns if _is_text(column, called)],
    }
    extra = F.when(differs & (F.size(undeclared) > 0), _aside("line", declared))
    own = {column: F.col(f"parsed.{name}") for column, name in called.items()}
    return _records(parsed, table, faults, others, own, extra)


def _aside(line: str, declared: Column) -> Column:
    """The undeclared values of a JSON object as text, numbers as they are written, also within objects and arrays.

    Spark's parser would rewrite numbers: 0.1000 as 0.1, and 1E400 as infinity. So it is given them as text.
    """
    mark = F.coalesce(*[F.when(~_holds(line, mark), F.lit(mark)) for mark in MARKS])
    marked = F.regexp_replace(line, F.lit(JSON_NUMBER), F.concat(F.lit('$1"'), mark, F.lit('$2"')))
    values = F.from_json(F.coalesce(marked, line), "map<string,string>", JSON_OPTIONS)
    kept = F.to_json(F.map_filter(values, lambda key, _: ~F.array_contains(declared, key)), WITH_NULLS)
    nested = F.concat(F.lit(r'\\"'), mark, F.lit(r'([^"\\]*+)\\"'))
    return F.coalesce(F.replace(F.regexp_replace(kept, nested, F.lit("$1")), mark, F.lit("")), kept)


def _holds(line: str, mark: str) -> Column:
    """Whether a line may hold a character, as such or escaped."""
    digits = f"{ord(mark):04x}"
    return F.contains(line, F.lit(mark)) | F.contains(line, F.lit(digits)) | F.contains(line, F.lit(digits.upper()))


def _is_text(column: tables.Column, called: Mapping[str, str]) -> bool:
    return column.name in called and column.type == "string"


def _can_be_parsed(line: str, fields: int) -> Column:
    """Whether a line has no more fields than Spark's parser of CSV takes: a long one must have those that are named."""
    is_whole = F.col(line).rlike(rf"\A{CSV_FIELD}(?:,{CSV_FIELD}){{{fields - 1}}}+\z")
    return (F.octet_length(line) < PARSED_FIELDS) | is_whole


def _other_than_text(name: str) -> Column:
    """What is wrong with a text column that holds anything else: its JSON would pass for text."""
    # As one text, since each call from Python costs its share of a millisecond, and there is one per column.
    begins = f"ascii(parsed.{name}) IN ({', '.join(str(ord(sign)) for sign in OTHER_THAN_TEXT)})"
    # Most text that begins so is told by its quote. Where objects or escapes are, that might be another's.
    is_flat = r"locate('{', line, 2) = 0 AND locate(r'\', line) = 0"
    is_quoted = " OR ".join(f'contains(line, \'"{name}":{blank}"\')' for blank in ("", " "))
    kind = f"schema_of_variant(try_variant_get(try_parse_json(line), '$.{name}', 'variant'))"
    nested, other = (f"{name}: is a JSON {what}, not text" for what in ("object or array", "number or boolean"))
    # No variant holds text of over 20 million characters.
    unknown = f"{name}: may be no text: in a record with text of this length, that is not told apart"
    words = (
        f"CASE WHEN {kind} RLIKE '^(OBJECT|ARRAY)' THEN '{nested}' WHEN {kind} <> 'STRING' THEN '{other}' "
        f"WHEN fault IS NULL AND {kind} IS NULL THEN '{unknown}' END"
    )
    return F.expr(f"CASE WHEN {begins} AND NOT (({is_quoted}) AND {is_flat}) THEN {words} END")


def _stands_alone(line: str) -> Column:
    """Whether nothing follows the JSON object: every JSON function of Spark ignores what does."""
    ends_with_first_brace = F.locate("}", line) == F.length(line)
    # Within brackets and within an object, text that follows is an error.
    in_array = F.json_array_length(F.concat(F.lit("["), line, F.lit("]"))).eqNullSafe(F.lit(1))
    in_object = F.json_object_keys(F.concat(F.lit('{"_":'), line, F.lit("}"))).isNotNull()
    return ends_with_first_brace | (in_array & in_object)


def _records(
    parsed: DataFrame,
    table: Table,
    exclusive: Mapping[tuple[str, str], Column],
    others: Mapping[str, Sequence[Column]],
    values: Mapping[str, Column],
    extra: Column,
) -> DataFrame:
    """Faults and fields of parsed lines; the first of the exclusive faults hides those after it."""
    conditions = {
        ("utf8", "is not valid UTF-8"): ~F.is_valid_utf8("line"),
        ("blank", "is a blank line"): F.trim("line") == "",
        ("nul", "holds a NUL character"): F.contains("line", F.lit("\0")),
        **exclusive,
    }
    first, *more = conditions.items()
    # Rule and words in one column, so that no condition is evaluated twice.
    fault = F.when(first[1], F.lit("|".join(first[0])))
    for named, applies in more:
        fault = fault.when(applies, F.lit("|".join(named)))
    judged = parsed.withColumn("fault", fault).withColumns(reasons_by_rule(others))
    rule, words = F.substring_index("fault", "|", 1), F.substring_index("fault", "|", -1)
    return judged.select(
        "path",
        "record",
        # Readers of Parquet refuse text that is not UTF-8.
        F.make_valid_utf8("line").alias("raw"),
        joined(list(others), words).alias("faults"),
        all_fields(table, values, "string"),
        extra.alias("extra"),
        broken(list(others), rule).alias("fault_rules"),
    )


def _naming(what: str, applies: Column, names: Column) -> Column:
    listed = F.concat(F.lit(f"{what} '"), F.concat_ws("', '", names), F.lit("'"))
    return F.when(applies & (F.size(names) > 0), listed)


def _text_schema(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}` string" for name in (*names, CORRUPT))
