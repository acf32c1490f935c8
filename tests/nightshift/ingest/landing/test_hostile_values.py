"""Values that look like what is declared and are not: each is a fault of its record, and none ends the run."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from nightshift.dates import BatchDates
from nightshift.home.settings import Settings
from nightshift.ingest.delivery import verify
from nightshift.ingest.landing.judge_records import judged
from nightshift.ingest.landing.records import read_records
from tests.sent_deliveries import OneSource, deliver, things

DAY = dt.date(2013, 1, 2)
KINDS = ("int", "bigint", "double", "boolean", "date", "timestamp")
SOUND = {
    "int": ["-2147483648", "0", "-0", "0" * 5000 + "7"],
    "bigint": ["9223372036854775807", "-9223372036854775808"],
    "double": ["1E+05", "-0.0", "4.9e-324", "1e308", "9007199254740993"],
    "boolean": ["true", "false"],
    "date": ["0001-01-01", "9999-12-31", "2012-02-29"],
    "timestamp": ["9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"],
}
HOSTILE = {
    "int": ["2147483648", "1E+05", "1.0", "+1", " 1", "1_000", "0x1F", "٣", "NaN", "9" * 5000],
    "bigint": ["9223372036854775808", "-9223372036854775809", "1e3", "9" * 100_000],
    "double": ["NaN", "nan", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 400, "1.", ".5", "1d", "0x1p3", "1,5"],
    "boolean": ["TRUE", "t", "1", "yes"],
    "date": [
        *("0000-00-00", "0000-01-01"),
        *("10000-01-01", "2013-02-29", "2013-1-1", "-2013-01-01", "20130101", "2013-01-01T00:00:00Z"),
    ],
    "timestamp": [
        "0000-01-01T00:00:00Z",
        *("2013-01-01T12:00:00+25:00", "2013-01-01T12:00:00+01:00", "2013-01-01T12:00:00", "2013-01-01 12:00:00Z"),
        *("2013-01-01T24:00:00Z", "2013-01-01T23:59:60Z", "2013-01-01T12:00:00.1234567Z", "2013-01-01", "0"),
        *("10000-01-01T00:00:00Z", "2013-13-01T00:00:00Z", "2013-01-01T12:00:00z"),
    ],
}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_values_are_of_their_type_or_quarantined(spark, home: Settings, form: str) -> None:
    columns = [{"name": f"a_{kind}", "type": kind, "description": kind} for kind in KINDS]
    table = things({"file": "things", "format": form}, columns=columns, keys=[])
    records = [
        ({other: value if other == kind else SOUND[other][0] for other in KINDS}, is_sound)
        for is_sound, values in ((True, SOUND), (False, HOSTILE))
        for kind in KINDS
        for value in values[kind]
    ]
    if form == "csv":
        written = [",".join(f"a_{kind}" for kind in KINDS)]
        written += [",".join(f'"{record[kind]}"' for kind in KINDS) for record, _ in records]
    else:
        written = [json.dumps({f"a_{kind}": record[kind] for kind in KINDS}) for record, _ in records]
    deliver(home.landing.path / "any", DAY, {"things": ("\n".join(written).encode(), len(records))})
    delivery = verify(OneSource(table), BatchDates.of(DAY))
    assert delivery.faults == ()
    found = judged(read_records(spark, table, delivery.of(table)), table).orderBy("record").select("_rules").collect()
    wrong = [
        (record, row["_rules"])
        for (record, is_sound), row in zip(records, found, strict=True)
        if (row["_rules"] == "") is not is_sound
    ]
    assert not wrong
