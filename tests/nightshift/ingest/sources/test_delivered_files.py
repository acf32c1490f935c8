"""Files from the landing zone to records: every row that was delivered is there once, as it was written."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from nightshift.ingest.delivery import Delivery
from nightshift.ingest.landing.judge_records import is_good, judged
from nightshift.ingest.landing.records import read_records
from nightshift.ingest.sources import take
from nightshift.job import Job
from tests.sent_deliveries import OneSource, deliver, lines, parquet, things

FIRST, SECOND = dt.date(2013, 1, 1), dt.date(2013, 1, 2)
BOTH = BatchDates(FIRST, SECOND)
HEADER = "code,amount,day\n"


@pytest.fixture
def landing(home: Settings) -> Path:
    return home.landing.path / "any"


def taken(spark, table: Table, dates: BatchDates = BOTH) -> Delivery:
    catalog = OneSource(table)
    return take(spark, Job("land", catalog.use_case, catalog, dates, run_id="test"))


def rows(spark, table: Table, delivery: Delivery) -> list[Any]:
    found = read_records(spark, table, delivery.of(table)).orderBy("batch_date", "file", "record").collect()
    assert len(found) == sum(file.rows for file in delivery.of(table) if file.duplicate_of is None)
    return found


def test_several_files_of_one_source_keep_their_names_digests_and_dates(spark, landing: Path) -> None:
    table = things({"file": "things_*", "format": "csv"})
    plain = lines(HEADER, "a,1,2013-01-01\n", "b,2,2013-01-01\n")
    zipped = gzip.compress(lines(HEADER, "c,3,2013-01-02\n"))
    deliver(landing, FIRST, {"things_1.csv": (plain, 2)})
    deliver(landing, SECOND, {"things_1.csv": (plain, 2), "things_2.csv.gz": (zipped, 1)})
    table = table.model_copy(update={"source": table.source.model_copy(update={"required": False})})

    delivery = taken(spark, table)
    assert delivery.faults == ()
    found = rows(spark, table, delivery)
    assert [(row.batch_date, row.file, row.record, row.fields.code) for row in found] == [
        (FIRST, "things_1.csv", 2, "a"),
        (FIRST, "things_1.csv", 3, "b"),
        (SECOND, "things_1.csv", 2, "a"),
        (SECOND, "things_1.csv", 3, "b"),
        (SECOND, "things_2.csv.gz", 2, "c"),
    ]
    assert {row.file_sha256 for row in found} == {hashlib.sha256(plain).hexdigest(), hashlib.sha256(zipped).hexdigest()}
    assert {(row.faults, row.fault_rules, row.extra) for row in found} == {("", "", None)}


def test_what_spark_reads_is_what_was_verified_even_if_the_landing_file_is_exchanged(spark, landing: Path) -> None:
    table = things({"file": "things.csv", "format": "csv"})
    folder = deliver(landing, FIRST, {"things.csv": (lines(HEADER, "a,1,2013-01-01\n"), 1)})
    delivery = taken(spark, table, BatchDates.of(FIRST))
    (folder / "things.csv").write_bytes(lines(HEADER, "x,9,2013-01-01\n"))
    assert [row.fields.code for row in rows(spark, table, delivery)] == ["a"]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_undeclared_columns_are_kept_aside_and_warn(spark, landing: Path, form: str) -> None:
    table = things({"file": "things", "format": form})
    content = {
        "csv": lines('gate,code,amount,day,"a ""b"", c"\n', "A1,a,1,2013-01-01,\n"),
        "jsonl": lines('{"gate":"A1","code":"a","amount":1,"day":"2013-01-01","a \\"b\\", c":null}\n'),
        "parquet": parquet(
            pa.table(
                {
                    "gate": ["A1"],
                    "code": ["a"],
                    "amount": [1],
                    "day": [FIRST],
                    'a "b", c': pa.array([None], pa.float64()),
                }
            )
        ),
    }[form]
    deliver(landing, FIRST, {"things": (content, 1)})
    delivery = taken(spark, table, BatchDates.of(FIRST))
    assert delivery.faults == ()
    (warning,) = delivery.warnings
    assert "2013-01-01/things has the undeclared 'gate', 'a \"b\", c'" in warning
    (row,) = rows(spark, table, delivery)
    assert (row.fields.code, str(row.fields.amount), str(row.fields.day)) == ("a", "1", "2013-01-01")
    assert json.loads(row.extra) == {"gate": "A1", 'a "b", c': None}


def test_every_compression_and_encoding_that_is_accepted_can_be_read(spark, landing: Path) -> None:
    table = things({"file": "things_*", "format": "parquet"})
    written: dict[str, dict[str, Any]] = {
        **{name: {"compression": name} for name in ("none", "snappy", "gzip", "zstd", "lz4")},
        "plain": {"use_dictionary": False},
        "delta": {
            "use_dictionary": False,
            "column_encoding": {"code": "DELTA_BYTE_ARRAY", "amount": "DELTA_BINARY_PACKED"},
        },
        "lengths": {"use_dictionary": False, "column_encoding": {"code": "DELTA_LENGTH_BYTE_ARRAY"}},
        "pages": {"data_page_version": "2.0", "version": "2.6"},
    }
    files = {}
    for name, options in written.items():
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"code": [name] * 100, "amount": [*range(100)], "day": [FIRST] * 100}), sink, **options)
        files[f"things_{name}"] = (sink.getvalue().to_pybytes(), 100)
    deliver(landing, FIRST, files)
    delivery = taken(spark, table, BatchDates.of(FIRST))
    assert delivery.faults == ()
    found = Counter((row.file, row.fields.code) for row in rows(spark, table, delivery))
    assert found == {(f"things_{name}", name): 100 for name in written}


def test_undeclared_columns_of_any_name_are_kept_aside_unharmed(spark, landing: Path) -> None:
    table = things({"file": "things", "format": "parquet"})
    odd = {name: [name] for name in ("_nul", "_utf8", "path", "record", "raw", "extra", "row", "faults", "a.b")}
    content = parquet(pa.table({"code": ["a\0"], "amount": [1], "day": [FIRST], **odd}))
    deliver(landing, FIRST, {"things": (content, 1)})
    (row,) = rows(spark, table, taken(spark, table, BatchDates.of(FIRST)))
    assert json.loads(row.extra) == {name: name for name in odd}
    assert (row.faults, row.fault_rules, row.record) == ("code: holds a NUL character", "nul", 1)
    assert json.loads(row.raw) == {"code": "a\0", "amount": 1, "day": "2013-01-01", **json.loads(row.extra)}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_undeclared_column_of_an_older_version_stays_aside_after_the_change(spark, landing: Path, form: str) -> None:
    text = {"type": "string", "description": "a text"}
    columns = [{"name": "code", **text, "required": True}, {"name": "seats", **text, "since": 2}]
    table = things({"file": "things", "format": form}, version=2, columns=columns)
    content = {
        "csv": b"gate,code\nA1,a\n",
        "jsonl": b'{"gate":"A1","code":"a"}\n',
        "parquet": parquet(pa.table({"gate": ["A1"], "code": ["a"]})),
    }[form]
    deliver(landing, FIRST, {"things": (content, 1)})
    delivery = taken(spark, table, BatchDates.of(FIRST))
    assert len(delivery.warnings) == 2
    (row,) = rows(spark, table, delivery)
    assert (row.faults, tuple(row.fields), json.loads(row.extra)) == ("", ("a", None), {"gate": "A1"})


def test_a_record_with_a_key_in_other_case_is_set_aside_alone(spark, landing: Path) -> None:
    table = things({"file": "things", "format": "jsonl"})
    usual = '{"code":"a","amount":1,"day":null}\n'
    content = lines(usual, usual.replace("code", "Code"), usual.replace("}", ',"Code":"b"}'))
    deliver(landing, FIRST, {"things": (content, 3)})
    delivery = taken(spark, table, BatchDates.of(FIRST))
    assert delivery.faults == ()
    found = [(row.fault_rules, row.fields.code, row.extra) for row in rows(spark, table, delivery)]
    assert found == [("", "a", None), ("keys", None, '{"Code":"a"}'), ("", "a", '{"Code":"b"}')]


def test_files_with_and_without_an_undeclared_column_are_read_together(spark, landing: Path) -> None:
    table = things({"file": "things_*", "format": "parquet"})
    plain = {"code": ["a"], "amount": [1], "day": [FIRST]}
    files = {
        "things_1": parquet(pa.table(plain)),
        "things_2": parquet(pa.table({**plain, "code": ["b"], "gate": ["A1"]})),
        "things_3": parquet(pa.table({**plain, "code": ["c"], "gate": [7]})),
    }
    deliver(landing, FIRST, {name: (content, 1) for name, content in files.items()})
    found = rows(spark, table, taken(spark, table, BatchDates.of(FIRST)))
    assert [(row.fields.code, row.extra) for row in found] == [("a", None), ("b", '{"gate":"A1"}'), ("c", '{"gate":7}')]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_integers_beyond_2_to_the_53_beside_nulls_arrive_exactly(spark, landing: Path, form: str) -> None:
    table = things({"file": "things", "format": form})
    amounts = [9007199254740993, None, -9223372036854775808]
    if form == "jsonl":
        content = lines(
            *[json.dumps({"code": f"{n}", "amount": amount, "day": None}) + "\n" for n, amount in enumerate(amounts)]
        )
    else:
        day = pa.array([FIRST] * 3, pa.date32())
        content = parquet(pa.table({"code": ["0", "1", "2"], "amount": pa.array(amounts, pa.int64()), "day": day}))
    deliver(landing, FIRST, {"things": (content, 3)})
    found = rows(spark, table, taken(spark, table, BatchDates.of(FIRST)))
    assert [row.fields.amount and int(row.fields.amount) for row in found] == amounts
    assert [json.loads(row.raw)["amount"] for row in found] == amounts


ODD = {
    "Latin-1": ("São Paulo".encode("latin-1"), "utf8"),
    "NUL": (b"a\0b", "nul"),
    "emoji": ("🛫".encode(), ""),
}
TEN_MEGABYTES = (b"x" * 10_000_000, "")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("value", "rule"), [*ODD.values(), pytest.param(*TEN_MEGABYTES, marks=pytest.mark.long)], ids=[*ODD, "10 MB"]
)
def test_odd_text_is_kept_or_named(spark, landing: Path, form: str, value: bytes, rule: str) -> None:
    table = things({"file": "things", "format": form})
    content = {
        "csv": lines(HEADER, value, b",1,2013-01-01\n", b'"', value, b'",2,2013-01-01\n', b"b,3,2013-01-01\n"),
        "jsonl": lines(
            *[b'{"code":"' + code + b'","amount":1,"day":null}\n' for code in (value, value, b"b")],
        ),
    }[form]
    deliver(landing, FIRST, {"things": (content, 3)})
    found = rows(spark, table, taken(spark, table, BatchDates.of(FIRST)))
    assert [row.fault_rules for row in found] == [rule, rule, ""]
    assert found[2].fields.code == "b"
    if not rule:
        assert [row.fields.code for row in found[:2]] == [value.decode()] * 2


def test_a_megabyte_of_doubled_quotes_is_one_csv_field(spark, landing: Path) -> None:
    table = things({"file": "things", "format": "csv"})
    deliver(landing, FIRST, {"things": (lines(HEADER, b'"' + b'""' * 5_000_000 + b'",1,\n'), 1)})
    (row,) = rows(spark, table, taken(spark, table, BatchDates.of(FIRST)))
    assert (row.faults, row.fields.code) == ("", '"' * 5_000_000)


def test_text_in_parquet_must_be_text(spark, landing: Path) -> None:
    table = things({"file": "things", "format": "parquet"})
    code = pa.array([b"caf\xe9", b"a\0b", "🛫".encode()], pa.binary()).cast(pa.string(), safe=False)
    amount, day = pa.array([1, 2, 3]), pa.array([FIRST] * 3, pa.date32())
    content = parquet(pa.Table.from_arrays([code, amount, day], names=["code", "amount", "day"]))
    deliver(landing, FIRST, {"things": (content, 3)})
    found = rows(spark, table, taken(spark, table, BatchDates.of(FIRST)))
    assert [(row.faults, row.fault_rules) for row in found] == [
        ("code: is not valid UTF-8", "utf8"),
        ("code: holds a NUL character", "nul"),
        ("", ""),
    ]
    assert found[2].fields.code == "🛫"


def test_a_byte_identical_file_under_another_name_is_not_read_again(spark, landing: Path) -> None:
    table = things({"file": "things*", "format": "csv"})
    content = lines(HEADER, "a,1,2013-01-01\n", "b,2,2013-01-01\n")
    deliver(landing, FIRST, {"things.csv": (content, 2), "things_again.csv": (content, 2)})
    delivery = taken(spark, table, BatchDates.of(FIRST))
    assert delivery.rows_in(table) == {FIRST: 4}
    assert [file.rows for file in delivery.files if file.duplicate_of] == [2]
    assert [(file.name, file.duplicate_of) for file in delivery.files] == [
        ("things.csv", "things_again.csv"),
        ("things_again.csv", None),
    ]
    assert len(rows(spark, table, delivery)) == 2
    assert "things.csv is byte for byte things_again.csv: its 2 rows count as deduplicated" in delivery.warnings[0]


@pytest.mark.parametrize(("date", "hours"), [("2013-03-10", 23), ("2013-11-03", 25)])
def test_weather_of_days_of_23_and_25_hours_lands_whole_and_other_hours_do_not(
    spark, home: Settings, date: str, hours: int
) -> None:
    use_case = UseCase.load("flight_delays", get_settings())
    catalog = Catalog(use_case)
    observed = dt.date.fromisoformat(date)
    batch_date = observed + dt.timedelta(days=1)
    midnight = dt.datetime.combine(observed, dt.time(), use_case.zone).astimezone(dt.UTC)
    instants = [midnight + dt.timedelta(hours=hour) for hour in range(-1, hours + 1)]
    measures = {
        name: pa.array([None] * len(instants), pa.float64())
        for name in ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    }
    place = {"origin": ["JFK"] * len(instants), "time_hour": pa.array(instants, pa.timestamp("us", "UTC"))}
    files = {"weather.parquet": (parquet(pa.table({**place, **measures})), len(instants))}
    deliver(home.landing.path / use_case.name, batch_date, files)

    table = catalog["bronze.weather"]
    delivery = take(spark, Job("land", use_case, catalog, BatchDates.of(batch_date), run_id="test"))
    judged_rows = judged(read_records(spark, table, delivery.of(table)), table)
    found = judged_rows.select("record", "time_hour", is_good().alias("good")).collect()
    assert sorted(row.record for row in found if not row.good) == [1, len(instants)]
    assert len({row.time_hour for row in found if row.good}) == hours


@pytest.mark.parametrize(
    ("timestamp", "good"),
    [("2013-01-01T12:00:00Z", True), ("2013-01-01T12:00:00", False), ("2013-01-01T12:00:00-05:00", False)],
)
def test_an_instant_in_text_must_say_that_it_is_utc(spark, landing: Path, timestamp: str, good: bool) -> None:
    columns = [
        {"name": "code", "type": "string", "description": "a code"},
        {"name": "moment", "type": "timestamp", "description": "a moment"},
    ]
    table = things({"file": "things", "format": "jsonl"}, columns=columns)
    record = json.dumps({"code": "a", "moment": timestamp}) + "\n"
    deliver(landing, FIRST, {"things": (lines(record), 1)})
    delivery = taken(spark, table, BatchDates.of(FIRST))
    found = judged(read_records(spark, table, delivery.of(table)), table).where(is_good()).collect()
    assert [row.moment for row in found] == ([dt.datetime(2013, 1, 1, 12)] if good else [])


def test_the_file_of_another_date_is_known_by_what_was_published(
    spark, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = things({"file": "things.csv", "format": "csv"})
    content = lines(HEADER, "a,1,2013-01-01\n")
    published = {FIRST: {"things.csv": hashlib.sha256(content).hexdigest()}}
    monkeypatch.setattr("nightshift.ledger.delivered_before", lambda name, _: published if name == "any" else {})
    deliver(landing, SECOND, {"things.csv": (content, 1)})
    (fault,) = taken(spark, table, BatchDates.of(SECOND)).faults
    assert (fault.rule, fault.batch_date) == ("other_date", SECOND)
    assert "is byte for byte things.csv of 2013-01-01" in fault.reason


def test_two_dates_that_bring_one_file_are_told_apart_within_a_range(spark, landing: Path) -> None:
    table = things({"file": "things.csv", "format": "csv"})
    content = lines(HEADER, "a,1,2013-01-01\n")
    for date in BOTH:
        deliver(landing, date, {"things.csv": (content, 1)})
    delivery = taken(spark, table)
    assert [file.batch_date for file in delivery.files] == [FIRST]
    assert [(fault.batch_date, fault.rule) for fault in delivery.faults] == [(SECOND, "other_date")]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_accepted_change_of_type_keeps_the_name_in_the_file(spark, landing: Path, form: str) -> None:
    columns = [
        {"name": "code", "type": "string", "description": "a code"},
        {"name": "amount", "type": "bigint", "until": 2, "description": "an amount"},
        {"name": "amount_text", "type": "string", "since": 2, "was": "amount", "description": "an amount"},
        {"name": "gate", "type": "string", "until": 2, "description": "a gate"},
        {"name": "gate_no", "type": "bigint", "since": 2, "was": "gate", "description": "a gate"},
        {"name": "note", "type": "string", "since": 2, "description": "a note"},
    ]
    table = things({"file": "things", "format": form}, columns=columns, version=2)
    old = {
        "csv": lines("code,amount,gate\n", "a,1,A1\n"),
        "jsonl": lines('{"code":"a","amount":1,"gate":"A1"}\n'),
        "parquet": parquet(pa.table({"code": ["a"], "amount": [1], "gate": ["A1"]})),
    }[form]
    new = {
        "csv": lines("code,amount,gate,note\n", "b,two,7,n\n"),
        "jsonl": lines('{"code":"b","amount":"two","gate":7,"note":"n"}\n'),
        "parquet": parquet(pa.table({"code": ["b"], "amount": ["two"], "gate": [7], "note": ["n"]})),
    }[form]
    deliver(landing, FIRST, {"things": (old, 1)})
    deliver(landing, SECOND, {"things": (new, 1)})
    delivery = taken(spark, table)
    assert [file.version for file in delivery.files] == [1, 2]
    assert "2013-01-01/things has the columns of version 1 of bronze.things" in delivery.warnings[0]
    found = judged(read_records(spark, table, delivery.of(table)), table).orderBy("batch_date").collect()
    names = [column["name"] for column in columns]
    before, after = [[row[name] for name in names] for row in found]
    assert before == ["a", 1, "1", "A1", None, None], "a value that can't be cast is null, and no fault"
    assert after == ["b", None, "two", None, 7, "n"]
    assert [(row["_rules"], row.extra) for row in found] == [("", None)] * 2


def test_a_home_whose_path_looks_like_a_pattern_is_read_all_the_same(
    spark, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "a [b] {c}*? d"))
    get_settings.cache_clear()
    for form in ("csv", "parquet"):
        table = things({"file": "things", "format": form}, use_case="any", name=form)
        content = {
            "csv": lines(HEADER, "a,1,2013-01-01\n"),
            "parquet": parquet(pa.table({"code": ["a"], "amount": [1], "day": [FIRST]})),
        }[form]
        deliver(get_settings().landing.path / "any", FIRST, {"things": (content, 1)})
        (row,) = rows(spark, table, taken(spark, table, BatchDates.of(FIRST)))
        assert (row.file, row.fields.code) == ("things", "a")
