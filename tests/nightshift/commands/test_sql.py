"""`nightshift sql` shows what has parts as people read it, and gives programs all of it."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from click.testing import CliRunner

from nightshift.commands.sql import sql

REASON = {"feature": "age", "value": "31", "contribution": 0.5, "phrase": "is young"}
OTHER = {"feature": "city", "value": None, "contribution": -0.25, "phrase": "lives far away"}


@pytest.fixture(autouse=True)
def answer(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pa.table({"who": ["Ann", "Ben"], "reasons": [[REASON, OTHER], None], "place": [{"x": 1.5, "y": None}] * 2})
    monkeypatch.setattr("nightshift.lake.sql_queries.query", lambda *_: rows)


def test_reasons_are_shown_as_phrases_with_their_weight() -> None:
    lines = CliRunner().invoke(sql, ["SELECT"]).output.splitlines()
    assert [line.split("│")[1].strip() for line in lines[2:5]] == [
        "is young (+0.500)",
        "lives far away (-0.250)",
        "–",
    ]
    assert "x 1.5, y –" in lines[2]


def test_a_csv_file_has_them_as_json() -> None:
    lines = CliRunner().invoke(sql, ["SELECT", "--format", "csv"]).output.splitlines()
    who, reasons = lines[1].split(",", 1)[0], lines[1].split('"', 1)[1].rsplit('"', 2)[0]
    assert who == "Ann"
    assert json.loads(reasons.rsplit('","', 1)[0].replace('""', '"')) == [REASON, OTHER]
    assert lines[2].startswith("Ben,,")


def test_json_has_them_as_they_are() -> None:
    rows = json.loads(CliRunner().invoke(sql, ["SELECT", "--format", "json"]).output)
    assert rows[0]["reasons"] == [REASON, OTHER]
