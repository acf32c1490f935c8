"""Columns that drifted, named one by one before any row is read."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.errors import NightshiftError
from tests.nightshift.ingest.delivery.flights import (
    HEADER,
    OUTCOME,
    SCHEDULE,
    deliver,
    only_fault,
    verified,
    weather,
    write_manifest,
)


def lines_of(first: bytes, *columns: int, replaced: bytes) -> bytes:
    """Ten lines like the first record of the schedule, with some of its fields replaced."""
    fields = first.split(b",")
    for column in columns:
        fields[column] = replaced
    return b",".join(fields) + b"\n"


RECORD = SCHEDULE.splitlines()[1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"visib": None}, "lacks 'visib'"),
        ({"temp": pa.array(["warm"])}, "'temp' is string, declared is double"),
        ({"time_hour": pa.array([dt.datetime(2013, 1, 1)], pa.timestamp("us"))}, "declared is timestamp"),
    ],
    ids=["missing", "text for a number", "time without a zone"],
)
def test_parquet_must_have_the_declared_schema(
    landing: Path, catalog: Catalog, changed: dict[str, pa.Array], said: str
) -> None:
    folder = deliver(catalog)
    weather(folder / "weather.parquet", **changed)
    write_manifest(folder, {"schedule.csv": 2, "outcomes.jsonl.gz": 2, "weather.parquet": 1})
    assert said in only_fault(catalog)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (
            SCHEDULE.replace(b",distance\n", b"\n").replace(b",1400\n", b"\n").replace(b",1089\n", b"\n"),
            ["lacks 'distance'"],
        ),
        (
            SCHEDULE.replace(b",dest,", b",destination,"),
            ["lacks 'dest', perhaps renamed to 'destination'", "has the undeclared 'destination'"],
        ),
        (SCHEDULE.replace(b",dest,", b",x,"), ["lacks 'dest', perhaps renamed to 'x'"]),
        (
            SCHEDULE.replace(b"carrier,flight,", b"flight,carrier,"),
            ["has its columns in the order flight_date,flight,carrier,", "declared is flight_date,carrier,flight,"],
        ),
        (SCHEDULE.replace(b",dest,", b",Dest,"), ["lacks 'dest', perhaps renamed to 'Dest'"]),
        (SCHEDULE.replace(b",dest,", b",origin,"), ["'origin' comes twice"]),
        (SCHEDULE.replace(b",dest,", b",,"), ["without a printable name for column 5"]),
        (
            HEADER + b"\n" + lines_of(RECORD, 2, replaced=b"UA1545") * 10,
            ["'flight' is text like 'UA1545', declared is int"],
        ),
        (
            HEADER + b"\n" + lines_of(RECORD, 0, replaced=b"01/02/2013") * 10,
            ["'flight_date' is text like '01/02/2013', declared is date"],
        ),
        (
            SCHEDULE.replace(b"flight_date,", b"").replace(b",distance\n", b",miles\n"),
            ["lacks 'flight_date'", "lacks 'distance', perhaps renamed to 'miles'", "has the undeclared 'miles'"],
        ),
    ],
    ids=[
        "dropped",
        "renamed",
        "renamed in place",
        "reordered",
        "case",
        "doubled",
        "unnamed",
        "retyped",
        "dates",
        "both",
    ],
)
def test_drift_of_csv_is_named_column_by_column_before_the_read(
    landing: Path, catalog: Catalog, schedule: bytes, said: list[str]
) -> None:
    deliver(catalog, {"schedule.csv": schedule.count(b"\n") - 1}, schedule__csv=schedule)
    fault = only_fault(catalog)
    assert [words for words in said if words not in fault] == []
    with pytest.raises(NightshiftError) as refusal:
        verified(catalog).refuse_faults()
    assert ("docs/schema-changes.md" in str(refusal.value)) == ("printable" not in fault)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"dest":"IAH",', b"", ["lacks 'dest'"]),
        (b'"dest":', b'"destination":', ["lacks 'dest', perhaps renamed to 'destination'"]),
        (b'"flight":1545', b'"flight":"UA1545"', ["'flight' is JSON like \"UA1545\", declared is int"]),
        (
            b'"carrier":"UA"',
            b'"carrier":{"code":"UA"}',
            ['\'carrier\' is JSON like {"code": "UA"}, declared is string'],
        ),
        (
            b'"sched_dep_time":"0515"',
            b'"sched_dep_time":515',
            ["'sched_dep_time' is JSON like 515, declared is string"],
        ),
        (b'"diverted":false', b'"diverted":0', ["'diverted' is JSON like 0, declared is boolean"]),
    ],
    ids=["dropped", "renamed", "text", "object", "number", "boolean"],
)
def test_drift_of_json_lines_is_found_over_the_whole_file(
    landing: Path, catalog: Catalog, old: bytes, new: bytes, said: list[str]
) -> None:
    drifted = OUTCOME.replace(old, new)
    assert drifted != OUTCOME
    deliver(catalog, {"outcomes.jsonl.gz": 20}, outcomes__jsonl__gz=gzip.compress(drifted * 20))
    fault = only_fault(catalog)
    assert [words for words in said if words not in fault] == []


def test_a_key_that_one_of_many_records_adds_warns_and_one_that_it_lacks_is_no_drift(
    landing: Path, catalog: Catalog
) -> None:
    odd = OUTCOME.replace(b'"dest":"IAH"', b'"gate":"A1"')
    deliver(catalog, {"outcomes.jsonl.gz": 2001}, outcomes__jsonl__gz=gzip.compress(OUTCOME * 2000 + odd))
    delivery = verified(catalog)
    assert delivery.faults == ()
    assert delivery.warnings == (
        "2013-01-02/outcomes.jsonl.gz has the undeclared 'gate': kept aside in bronze.outcomes, column extra; declare "
        "them to use them (docs/schema-changes.md)",
    )


def test_records_that_are_no_json_are_left_to_the_parser(landing: Path, catalog: Catalog) -> None:
    bad = [b"{", b"[" * 100_000, b"\xff", b'{"a":1}{}', b""]
    content = OUTCOME + b"\n".join(bad) + b"\n"
    deliver(catalog, {"outcomes.jsonl.gz": 1 + len(bad)}, outcomes__jsonl__gz=gzip.compress(content))
    assert verified(catalog).faults == ()
