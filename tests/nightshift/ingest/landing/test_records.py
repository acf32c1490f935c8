"""Lines become records: with their number, their raw text, and what keeps them from being parsed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from nightshift.declarations.source import FileSource
from nightshift.declarations.tables import Table
from nightshift.ingest.landing.records import csv_records, json_records, numbered_lines
from nightshift.ingest.landing.text_records import MARKS
from tests.declaring import a_table, column


def table(form: str) -> Table:
    source = FileSource(file="things.txt", format=form)
    return a_table(column("code"), column("amount", "int"), layer="bronze", source=source)


def records(spark, form: str, line: str | bytes) -> tuple[str, tuple]:
    """Faults and fields of one line."""
    raw = line if isinstance(line, bytes) else line.encode()
    lines = spark.createDataFrame([(bytearray(raw),)], "line binary").selectExpr(
        "'things.txt' path", "2L record", "cast(line as string) line"
    )
    parse = csv_records if form == "csv" else json_records
    row = parse(lines, table(form)).first()
    return row.faults, tuple(row.fields)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("a,1", ("a", "1")),
        ('"a,b",1', ("a,b", "1")),
        ('"say ""a""",1', ('say "a"', "1")),
        (",1", (None, "1")),
        ('"",1', (None, "1")),
        (" a ,1", (" a ", "1")),
        ("NA,1", ("NA", "1")),
        ("a\\,1", ("a\\", "1")),
        ("#a,1", ("#a", "1")),
        ('a,"1"', ("a", "1")),
        ('"",""', (None, None)),
        ('"a ""b""","1,2"', ('a "b"', "1,2")),
        ("a\rb\u0085c\u2028d,1", ("a\rb\u0085c\u2028d", "1")),
        ('"' + "," * 30_000 + '",1', ("," * 30_000, "1")),
        ('a,"' + '""' * 30_000 + '"', ("a", '"' * 30_000)),
        ("a" * 30_000 + ",", ("a" * 30_000, None)),
    ],
    ids=[
        *("plain", "comma", "quotes", "empty", "quoted empty", "blanks", "NA is text", "backslash", "no comments"),
        *("quotes at the end", "all empty", "quotes all over", "other line ends"),
        *("commas within a long field", "quotes within a long field", "long and empty"),
    ],
)
def test_csv_fields_are_read_as_they_stand(spark, line: str, fields: tuple) -> None:
    assert records(spark, "csv", line) == ("", fields)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a", "is not a CSV line of 2 fields"),
        ("a,1,2", "is not a CSV line of 2 fields"),
        ('a"b"c,1', "a quote stands within a field"),
        ('a,"1', "is not closed"),
        ("", "is a blank line"),
        ("  ", "is a blank line"),
        (b"\xff,1", "is not valid UTF-8"),
        (b"\xed\xa0\xbd,1", "is not valid UTF-8"),
        ('a,b"c"', "a quote stands within a field"),
        ("\ufeffa,1", "begins with a byte order mark"),
        ("," * 20_479, "is not a CSV line of 2 fields"),
        ("," * 20_480, "is not a CSV line of 2 fields"),
        ("a,1" * 100_000, "is not a CSV line of 2 fields"),
        ('"a,1' + "," * 30_000, "is not a CSV line of 2 fields"),
    ],
    ids=[
        *("too few", "too many", "quote within", "open quote", "blank", "only spaces", "not UTF-8"),
        *("half a character", "quote within the last", "byte order mark", "as many fields as the parser takes"),
        *("one more than it takes", "lines without ends", "long and open"),
    ],
)
def test_csv_lines_that_can_not_be_parsed_say_why(spark, line: str | bytes, fault: str) -> None:
    assert fault in records(spark, "csv", line)[0]


HALF = r"holds half a character, like \ud83d without its other half"
UNKNOWN = "code: may be no text: in a record with text of this length, that is not told apart"
LIKE_JSON = ("0515", "-1", "true", "false", "[1]")
COLONS = (":", ": ", " :\t")


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('{"code":"a","amount":1}', ("a", "1")),
        ('{"amount":1,"code":"a"}', ("a", "1")),
        (' { "code" : "a" , "amount" : null } ', ("a", None)),
        ('{"code":"}","amount":"1"}', ("}", "1")),
        ('{"code":"{1}","amount":1}', ("{1}", "1")),
        ('{"code":"\\\\u0000","amount":1}', ("\\u0000", "1")),
        ('{"code":"\U0001f6eb","amount":1}', ("\U0001f6eb", "1")),
        ('{"code":null,"amount":9007199254740993}', (None, "9007199254740993")),
        ('{"code":"a","amount":123456789012345678901234567890}', ("a", "123456789012345678901234567890")),
        ('{"code":"a","amount":1.25}', ("a", "1.25")),
        ('{"code":"","amount":true}', ("", "true")),
        *[
            (f'{{"code"{colon}"{text}","amount":1}}', (text, "1"))
            for colon in (":", ": ", " :\t")
            for text in LIKE_JSON
        ],
        ('{"code":"4\\"2","amount":1}', ('4"2', "1")),
        ('{"code":"\\uD83D\\ude00","amount":1}', ("\U0001f600", "1")),
        ('{"code":"\\\\ud83d","amount":1}', ("\\ud83d", "1")),
        ('{"code":"\\\\\\\\ude00\\n","amount":1}', ("\\\\ude00\n", "1")),
        ('{"code":"42","amount":1,"x":{"a":1,"a":2}}', ("42", "1")),
        ('{"code":"\\"Infinity\\"","amount":1}', ('"Infinity"', "1")),
        ('{"code":"42","amount":1,"x":' + "[" * 990 + "]" * 990 + "}", ("42", "1")),
        ('{"code":"' + "a" * 25_000_000 + '","amount":1}', ("a" * 25_000_000, "1")),
        ('{"code":"' + "\\ud83d\\ude00" * 100_000 + '","amount":1}', ("\U0001f600" * 100_000, "1")),
    ],
    ids=[
        "plain",
        "other order",
        "spaces and null",
        "brace in text",
        "text like an object",
        "escaped backslash",
        "emoji",
        "beyond 2^53",
        "huge number",
        "decimals",
        "empty text",
        *[f"text {text} after {kind}" for kind in ("colon", "blank", "blanks") for text in LIKE_JSON],
        "escape",
        *("two halves", "escaped backslash before a half", "two of them", "a key twice further down"),
        *("text like a huge number", "nested deeply", "25 MB of text", "many halves"),
    ],
)
def test_json_values_keep_their_text(spark, line: str, fields: tuple) -> None:
    assert records(spark, "jsonl", line) == ("", fields)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"code":"a"}', "lacks the key 'amount'"),
        ('{"code":"a","cost":1}', "lacks the key 'amount'"),
        ('{"code":{"a":1},"amount":1}', "code: is a JSON object or array, not text"),
        ('{"code":[1],"amount":1}', "code: is a JSON object or array, not text"),
        ('{"code":42,"amount":1}', "code: is a JSON number or boolean, not text"),
        ('{"code":-1.5e3,"amount":1}', "code: is a JSON number or boolean, not text"),
        ('{"code": true, "amount": 1}', "code: is a JSON number or boolean, not text"),
        ('{"x\\"code":"42","code":42,"amount":1}', "code: is a JSON number or boolean, not text"),
        ('{"x":{"code":"42"},"code":42,"amount":1}', "code: is a JSON number or boolean, not text"),
        ('{"code":1e400,"amount":1}', "code: is a JSON number or boolean, not text"),
        ('{"code":42,"amount":1,"x":{"a":1,"a":2}}', "code: is a JSON number or boolean, not text"),
        ('{"code":{"a":1,"a":2},"amount":1}', "code: is a JSON object or array, not text"),
        pytest.param('{"code":42,"amount":1,"x":"' + "a" * 25_000_000 + '"}', UNKNOWN, id="beside 25 MB"),
        ('{"code":"\\ud83d","amount":1}', HALF),
        ('{"code":"\\uDE00a","amount":1}', HALF),
        ('{"code":"\\ude00\\ud83d","amount":1}', HALF),
        ('{"code":"\\\\ud83d\\ude00","amount":1}', HALF),
        ('{"code":"a","amount":1,"\\ud83d":1}', HALF),
        pytest.param('{"code":"a","amount":1,"x":' + "9" * 1001 + "}", "is not one JSON object", id="long number"),
        pytest.param(
            '{"code":"a","amount":1,"x":' + "[" * 2000 + "]" * 2000 + "}",
            "is not one JSON object",
            id="nested too deeply",
        ),
        pytest.param('{"code":"a","amount":1,"' + "k" * 60_000 + '":1}', "is not one JSON object", id="long key"),
        ('\ufeff{"code":"a","amount":1}', "is not one JSON object"),
        ('{"code":"a","amount":1}\x0c', "is not one JSON object"),
        ('{"code":"a","amount":Infinity}', "is not one JSON object"),
        ('{"code":"a","amount":0x1F}', "is not one JSON object"),
        ('{code:"a","amount":1}', "is not one JSON object"),
        ('{"code":"a\tb","amount":1}', "is not one JSON object"),
        ('{/**/"code":"a","amount":1}', "is not one JSON object"),
        ("42", "is not one JSON object"),
        ('"a"', "is not one JSON object"),
        ("{}", "lacks the key 'code', 'amount'"),
        ('{"code":"a\\u0000b","amount":1}', r"holds a NUL character, as \u0000"),
        ('{"code":"a\x00b","amount":1}', "holds a NUL character"),
        ('{"code":"a","code":"b","amount":1}', "has a key twice"),
        ('{"code":"a","amount":1,"x":1,"x":2}', "has a key twice"),
        ('{"code":"a","amount":1', "is not one JSON object"),
        ('{"code":"a","amount":1} rest', "is not one JSON object"),
        ('{"code":"a","amount":1}{"code":"b","amount":2}', "is not one JSON object"),
        ('{"code":"a","amount":1}] rest', "is not one JSON object"),
        ('{"code":"a","amount":1}} rest', "is not one JSON object"),
        ('[{"code":"a","amount":1}]', "is not one JSON object"),
        ("{'code':'a','amount':1}", "is not one JSON object"),
        ('{"code":"a","amount":NaN}', "is not one JSON object"),
        ('{"code":"a","amount":01}', "is not one JSON object"),
        ("null", "is not one JSON object"),
        ("", "is a blank line"),
    ],
)
def test_json_lines_that_are_not_as_declared_say_why(spark, line: str, fault: str) -> None:
    assert records(spark, "jsonl", line)[0] == fault


def test_undeclared_values_are_kept_aside_whatever_their_names_and_size(spark) -> None:
    others = {"a.b": "1", "c`d": "2", "": "3", "_corrupt": "4", "values": "5", "long": "b" * 25_000_000}
    line = json.dumps({"code": "a", "amount": 1, **others})
    lines = spark.createDataFrame([("f", 1, line)], "path string, record bigint, line string")
    (found,) = json_records(lines, table("jsonl")).select("faults", "extra").collect()
    assert found.faults == ""
    assert json.loads(found.extra) == others


@pytest.mark.parametrize("known", [(), MARKS[:1], MARKS[:2]], ids=["usual", "mark in use", "two marks in use"])
def test_undeclared_json_numbers_keep_their_digits(spark, known: tuple[str, ...]) -> None:
    text = r'a "1.50", \"2.50\", {\"b\":1.50} 1.50 ' + "".join(known)
    given = {
        **{
            number: number
            for number in (
                *("12345678901234567.89", "0.1000", "1.50e10", "1.5E+10", "9007199254740993", "-0", "-0.0", "1E400"),
                *("1e-400", "0.30000000000000004", "123456789012345678901234567890", "1.0", "0", "-1", "9" * 900),
            )
        },
        '{"b": 1.10, "a": [-0, 1E400, "1.10"], "c": {"b": 1, "b": 1.0}}': (
            '{"b":1.10,"a":[-0,1E400,"1.10"],"c":{"b":1,"b":1.0}}'
        ),
        "[1.10, 2]": "[1.10,2]",
        '"1.10"': "1.10",
        "true": "true",
        "null": None,
        json.dumps(text): text,
        json.dumps({"t": text, "n": -0.10}).replace("-0.1", "-0.10"): json.dumps(
            {"t": text, "n": 0}, separators=(",", ":"), ensure_ascii=False
        ).replace('"n":0', '"n":-0.10'),
        "[" * 500 + "1.10" + "]" * 500: "[" * 500 + "1.10" + "]" * 500,
    }
    lines = [f'{{"code":"a","amount":1,"later":{value},"1.0":0.10}}' for value in given]
    rows = spark.createDataFrame(
        [("f", number, line) for number, line in enumerate(lines)], "path string, record bigint, line string"
    )
    found = json_records(rows, table("jsonl")).select("record", "faults", "extra").orderBy("record").collect()
    assert [row.faults for row in found] == [""] * len(given)
    assert [json.loads(row.extra) for row in found] == [{"later": kept, "1.0": "0.10"} for kept in given.values()]


def test_raw_text_that_is_not_utf8_is_kept_in_a_readable_form(spark) -> None:
    lines = spark.sql("select 'f' path, 1L record, cast(X'61FF2C31' as string) line")
    assert csv_records(lines, table("csv")).first().raw == "a�,1"


def numbers(spark, *paths: Path) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for row in numbered_lines(spark, [str(path) for path in paths]).collect():
        found.setdefault(row.path, []).append((row.record, row.line))
    return {file: sorted(lines) for file, lines in found.items()}


def landed(root: Path, name: str, content: bytes) -> Path:
    path = root / name
    path.write_bytes(content)
    return path


def test_lines_are_numbered_per_file_also_where_files_share_a_task(spark, tmp_path: Path) -> None:
    one = landed(tmp_path, "a.csv", b"x\ny\n")
    two = landed(tmp_path, "b.csv", b"p\r\n\nq")
    three = landed(tmp_path, "a.jsonl.gz", gzip.compress(b"z\n"))
    assert numbers(spark, one, two, three) == {
        "a.csv": [(1, "x"), (2, "y")],
        "b.csv": [(1, "p"), (2, ""), (3, "q")],
        "a.jsonl.gz": [(1, "z")],
    }


def test_lines_are_numbered_through_where_a_file_is_split(spark, tmp_path: Path) -> None:
    content = [f"line {number}" for number in range(1, 5001)]
    path = landed(tmp_path, "a.csv", "\n".join(content).encode())
    usual = spark.conf.get("spark.sql.files.maxPartitionBytes")
    spark.conf.set("spark.sql.files.maxPartitionBytes", "1000")
    try:
        assert spark.read.text(str(path)).rdd.getNumPartitions() > 10
        assert numbers(spark, path) == {"a.csv": list(enumerate(content, start=1))}
    finally:
        spark.conf.set("spark.sql.files.maxPartitionBytes", usual)
