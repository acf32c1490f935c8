"""What a file holds, against what is declared: what Spark could not read, and which version of the table it is of."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift.dates import BatchDates
from nightshift.ingest.delivery import Delivery, verify
from nightshift.ingest.delivery.text_lines import KEYS
from tests.sent_deliveries import OneSource, deliver, parquet, things

DAY = dt.date(2013, 1, 2)
THING = pa.table({"code": ["a"], "amount": pa.array([1], pa.int64()), "day": [DAY]})


def things_delivered(landing: Path, content: bytes, rows: int, form: str = "parquet", **declared: Any) -> Delivery:
    """The verdict about a file of things."""
    table = things({"file": "things", "format": form, "first_batch_date_offset": 0}, **declared)
    deliver(landing / "any", DAY, {"things": (content, rows)})
    return verify(OneSource(table), BatchDates.of(DAY))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"compression": "brotli"}, "column 'code' compressed by BROTLI"),
        (
            {"use_dictionary": False, "column_encoding": {"amount": "BYTE_STREAM_SPLIT"}},
            "column 'amount' in the encoding BYTE_STREAM_SPLIT",
        ),
        *[({"compression": name}, None) for name in ("none", "snappy", "gzip", "zstd", "lz4")],
        ({"use_dictionary": False, "column_encoding": {"code": "DELTA_BYTE_ARRAY"}}, None),
    ],
    ids=["brotli", "split", "none", "snappy", "gzip", "zstd", "lz4", "delta"],
)
def test_parquet_that_spark_can_not_read_is_a_fault(landing: Path, written: dict[str, Any], said: str | None) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(THING, sink, **written)
    faults = things_delivered(landing, sink.getvalue().to_pybytes(), 1).faults
    assert [fault.rule for fault in faults] == (["unreadable"] if said else [])
    assert all(said in str(fault) for fault in faults if said)


def test_pages_of_an_undeclared_column_that_spark_can_not_read_are_no_fault(landing: Path) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(THING.append_column("gate", pa.array(["A"])), sink, compression={"gate": "brotli", "code": "zstd"})
    delivery = things_delivered(landing, sink.getvalue().to_pybytes(), 1)
    assert (delivery.faults, delivery.files[0].by_arrow) == ((), True)


@pytest.mark.parametrize(
    ("added", "by_arrow"),
    [
        ({"gate": ["A"], "_gate2": [1]}, False),
        ({"gate": ["A"], "Gate": ["B"]}, True),
        ({"Code": ["A"]}, True),
        ({"_Metadata": ["A"]}, True),
        ({"a.b": ["A"]}, True),
        ({"": ["A"]}, True),
        ({"gate": pa.array([[{"no": 1, "No": 2}]])}, True),
    ],
    ids=["usual", "columns", "declared", "metadata", "dotted", "empty", "fields"],
)
def test_undeclared_parquet_columns_of_names_that_spark_can_not_take_are_read_by_arrow(
    landing: Path, added: dict[str, Any], by_arrow: bool
) -> None:
    table = pa.table({**{name: THING[name] for name in THING.column_names}, **added})
    delivery = things_delivered(landing, parquet(table), 1)
    assert delivery.faults == ()
    assert [(file.by_arrow, file.added) for file in delivery.files] == [(by_arrow, tuple(added))]


def column(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "string", "description": name, **more}


SECOND_VERSION = {"version": 2, "columns": [column("code", required=True), column("seats", since=2)]}


@pytest.mark.parametrize(
    ("header", "warned"),
    [
        ("code", ["has the columns of version 1 of bronze.things, of before its change"]),
        ("code,gate", ["has the columns of version 1 of bronze.things", "has the undeclared 'gate': kept aside"]),
        ("code,seats,gate", ["has the undeclared 'gate': kept aside"]),
        ("code,Seats", None),
        ("code,seat", None),
    ],
    ids=["exact", "with another", "newest", "case", "misspelt"],
)
def test_files_of_an_older_version_are_taken_with_a_warning(
    landing: Path, header: str, warned: list[str] | None
) -> None:
    line = ",".join("x" for _ in header.split(","))
    delivery = things_delivered(landing, f"{header}\n{line}\n".encode(), 1, "csv", **SECOND_VERSION)
    assert len(delivery.faults) == (warned is None)
    assert len(delivery.warnings) == len(warned or [])
    assert all(words in said for words, said in zip(warned or [], delivery.warnings, strict=True))


@pytest.mark.parametrize(
    ("days", "accepted"), [(1, True), (0, False), (-1, False)], ids=["before the change", "on its date", "after it"]
)
def test_the_older_form_blocks_from_the_date_on_which_the_table_changed(
    landing: Path, days: int, accepted: bool
) -> None:
    changed = [{"version": 2, "first": DAY + dt.timedelta(days=days)}]
    delivery = things_delivered(landing, b"code\nx\n", 1, "csv", changed=changed, **SECOND_VERSION)
    assert bool(delivery.files) is accepted
    if not accepted:
        (fault,) = delivery.faults
        assert "lacks 'seats'" in str(fault)


def test_a_key_in_other_case_is_a_matter_of_its_record_where_others_have_it(landing: Path) -> None:
    usual, odd = b'{"code":"a","amount":1,"day":null}\n', b'{"Code":"a","amount":1,"day":null}\n'
    delivery = things_delivered(landing, usual + odd, 2, "jsonl")
    assert delivery.faults == ()
    assert "has the undeclared 'Code': kept aside" in delivery.warnings[0]
    (fault,) = things_delivered(landing, odd, 1, "jsonl").faults
    assert "lacks 'code', perhaps renamed to 'Code'" in str(fault)


def test_data_in_the_place_of_names_is_kept_aside_and_not_all_listed(landing: Path) -> None:
    odd = b"".join(b'{"%d":0,"amount":1,"day":null,"Code":"a"}\n' % number for number in range(KEYS + 1))
    (fault,) = things_delivered(landing, odd, KEYS + 1, "jsonl").faults
    assert "lacks 'code', perhaps renamed to 'Code'" in str(fault)
    assert "and 981 more" in str(fault)
    usual = b'{"code":"a","amount":1,"day":null}\n'
    delivery = things_delivered(landing, odd + usual, KEYS + 2, "jsonl")
    assert delivery.faults == ()
    assert "has the undeclared '0', 'Code', '1'" in delivery.warnings[0]
    assert f"and {KEYS - 20} more: kept aside" in delivery.warnings[0]


def test_one_file_for_two_sources_warns(landing: Path) -> None:
    tables = [things({"file": name, "format": "parquet"}, name=name) for name in ("things", "others")]
    deliver(landing / "any", DAY, dict.fromkeys(("things", "others"), (parquet(THING), 1)))
    assert verify(OneSource(*tables), BatchDates.of(DAY)).warnings == (
        "2013-01-02/others is byte for byte things, which is of another source: both were taken, bronze.things and "
        "bronze.others hold the same",
    )
