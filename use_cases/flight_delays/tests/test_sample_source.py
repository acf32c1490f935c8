"""The sample source plays the upstream: whole deliveries, the same bytes every time."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from nightshift.commands.deliver_sample import deliver_sample
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case_code import load_module
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ingest.delivery import verify
from nightshift.storage import Location
from tests.in_home import UseCaseInHome

USE_CASE = UseCaseInHome.load("flight_delays", get_settings())
SOURCE = load_module(USE_CASE, "sample_source")
FIRST, SECOND = dt.date(2013, 1, 1), dt.date(2013, 1, 2)


def deliver(root: Path, dates: str, **options) -> object:
    return SOURCE.deliver(USE_CASE, BatchDates.parse(dates), Location.of(root), **options)


def outcomes_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress((folder / "outcomes.jsonl.gz").read_bytes()).splitlines()]


def bytes_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_deliveries_hold_what_the_contract_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    get_settings.cache_clear()
    try:
        deliver(get_settings().landing.path, "2013-01-31..2013-02-02")
        delivery = verify(Catalog(USE_CASE), BatchDates.parse("2013-01-31..2013-02-02"))
    finally:
        get_settings.cache_clear()
    assert delivery.faults == ()
    names = {date: {file.table.name for file in delivery.files if file.batch_date == date} for date in delivery.dates}
    nightly = {"schedule", "outcomes", "weather"}
    assert list(names.values()) == [nightly, nightly | {"airlines", "airports", "planes"}, nightly]


def test_the_first_delivery_has_no_yesterday(tmp_path: Path) -> None:
    deliver(tmp_path, "2013-01-01")
    names = {path.name for path in (tmp_path / "flight_delays" / "2013-01-01").iterdir()}
    assert names == {"manifest.json", "schedule.csv", "airlines.csv", "airports.csv", "planes.csv"}


def test_each_file_is_of_its_own_day(tmp_path: Path) -> None:
    deliver(tmp_path, "2013-03-11")
    folder = tmp_path / "flight_delays" / "2013-03-11"
    with (folder / "schedule.csv").open() as file:
        assert {row["flight_date"] for row in csv.DictReader(file)} == {"2013-03-11"}
    outcomes = outcomes_of(folder)
    assert {row["flight_date"] for row in outcomes} == {"2013-03-10"}
    # The day of the clock change has 23 hours: from 05:00 UTC to 03:00 UTC.
    hours = pq.read_table(folder / "weather.parquet")["time_hour"].to_pylist()
    assert (min(hours), max(hours)) == (
        dt.datetime(2013, 3, 10, 5, tzinfo=dt.UTC),
        dt.datetime(2013, 3, 11, 3, tzinfo=dt.UTC),
    )


def test_cancelled_and_diverted_flights_have_no_arrival_delay(tmp_path: Path) -> None:
    deliver(tmp_path, "2013-01-03")
    outcomes = outcomes_of(tmp_path / "flight_delays" / "2013-01-03")
    assert sum(row["cancelled"] for row in outcomes) == sum(row["dep_time"] is None for row in outcomes) == 8
    for row in outcomes:
        assert (row["arr_delay"] is None) == (row["cancelled"] or row["diverted"])


def test_the_same_dates_give_the_same_bytes(tmp_path: Path) -> None:
    deliver(tmp_path / "once", "2013-01-31..2013-02-01")
    deliver(tmp_path / "again", "2013-02-01")
    deliver(tmp_path / "again", "2013-01-31")
    assert bytes_of(tmp_path / "once") == bytes_of(tmp_path / "again")


def test_an_equal_delivery_is_left_alone_and_half_of_one_is_made_whole(tmp_path: Path) -> None:
    deliver(tmp_path, "2013-01-01..2013-01-02")
    before = bytes_of(tmp_path)
    (tmp_path / "flight_delays" / "2013-01-02" / "manifest.json").unlink()
    lines: list[str] = []
    done = deliver(tmp_path, "2013-01-01..2013-01-02", progress=lines.append)
    assert (done.unchanged, done.written) == ([FIRST], [SECOND])
    assert "2013-01-01: is already there, with equal content" in lines[0]
    assert bytes_of(tmp_path) == before


def test_a_delivery_of_other_content_is_replaced_by_force_only(tmp_path: Path) -> None:
    deliver(tmp_path, "2013-01-01")
    before = bytes_of(tmp_path)
    (tmp_path / "flight_delays" / "2013-01-01" / "schedule.csv").write_text("other")
    with pytest.raises(NightshiftError, match=r"differs from the sample's in schedule.csv: give --force"):
        deliver(tmp_path, "2013-01-01")
    deliver(tmp_path, "2013-01-01", force=True)
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("dates", ["2012-12-31", "2014-01-01", "2013-12-31..2014-01-01"])
def test_dates_outside_the_sample_are_refused(tmp_path: Path, dates: str) -> None:
    with pytest.raises(NightshiftError, match=r"has the batch dates 2013-01-01\.\.2013-12-31"):
        deliver(tmp_path, dates)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dates", ["2013-10-01' OR 1=1", "../../etc", "2013-10-03..2013-10-01", "2013-02-30", ""])
def test_the_command_refuses_what_is_no_range(dates: str) -> None:
    result = CliRunner().invoke(deliver_sample, ["flight_delays", "--dates", dates])
    assert isinstance(result.exception, NightshiftError)
    assert "allowed are one date like 2013-10-01" in str(result.exception)
