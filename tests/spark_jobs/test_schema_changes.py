"""The worked example of docs/schema-changes.md: a sender changes a file, and the change is accepted."""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings, get_settings
from nightshift.job import Job
from spark_jobs.land import land
from tests.sent_deliveries import deliver, lines

FIRST, SECOND, THIRD = (dt.date(2013, 1, day) for day in (1, 2, 3))
BEFORE = """
tables:
  - layer: bronze
    name: gates
    description: Gates of the day.
    grain: one row per gate
    keys: [gate]
    source: {file: gates.csv, format: csv}
    columns:
      - {name: gate, type: string, required: true, description: Number of the gate.}
      - {name: dest, type: string, required: true, description: Airport of arrival.}
      - {name: phone, type: string, description: Telephone at the gate.}
"""
AFTER = """
tables:
  - layer: bronze
    name: gates
    version: 2
    description: Gates of the day.
    grain: one row per gate
    keys: [gate]
    source: {file: gates.csv, format: csv}
    columns:
      - {name: gate, type: string, required: true, description: Number of the gate.}
      - {name: dest, type: string, until: 2, description: Airport of arrival.}
      - {name: destination, type: string, required: true, since: 2, was: dest, description: Airport of arrival.}
      - {name: phone, type: string, until: 2, description: Telephone at the gate.}
      - {name: seats, type: int, since: 2, description: Seats at the gate.}
"""
OLD = lines("gate,dest,phone\n", "A1,IAH,555\n", "A2,MIA,556\n")
NEW = lines("gate,destination,seats\n", "A1,IAD,80\n")


@pytest.fixture
def declare(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that declares the tables of the use case `gates`."""
    folder = tmp_path / "use_cases" / "gates"
    folder.mkdir(parents=True)
    use_case = yaml.safe_load((UseCase.load("flight_delays", get_settings()).folder / "use_case.yaml").read_text())
    use_case |= {"name": "gates", "demo": None, "sample_source": None}
    (folder / "use_case.yaml").write_text(yaml.safe_dump(use_case))
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder.parent))
    get_settings.cache_clear()
    (folder / "tables.yaml").write_text(BEFORE)
    yield folder / "tables.yaml"
    shutil.rmtree(folder)


def run(date: dt.date) -> None:
    use_case = UseCase.load("gates", get_settings())
    land(Job("land", use_case, Catalog(use_case), BatchDates.of(date), run_id="test"), argparse.Namespace())


def published(spark, *columns: str) -> list[tuple]:
    rows = lake.read(spark, Catalog(UseCase.load("gates", get_settings()))["bronze.gates"])
    return sorted(tuple(row) for row in rows.select("batch_date", *columns).collect())


def test_an_accepted_change_keeps_old_dates_readable_and_landable(
    spark, home: Settings, declare: Path, caplog: pytest.LogCaptureFixture
) -> None:
    landing = home.landing.path / "gates"
    deliver(landing, FIRST, {"gates.csv": (OLD, 2)})
    run(FIRST)
    deliver(landing, SECOND, {"gates.csv": (NEW, 1)})
    with pytest.raises(NightshiftError) as refusal:
        run(SECOND)
    said = str(refusal.value)
    assert "2013-01-02/gates.csv: has other columns than bronze.gates declares (version 1): lacks 'dest'" in said
    assert "perhaps renamed to 'destination'" in said
    assert "lacks 'phone', perhaps renamed to 'seats'" in said
    assert "docs/schema-changes.md" in said

    declare.write_text(AFTER)
    run(SECOND)
    after = [(FIRST, "A1", "IAH", "555", None), (FIRST, "A2", "MIA", "556", None), (SECOND, "A1", "IAD", None, 80)]
    columns = ("gate", "destination", "phone", "seats")
    assert published(spark, *columns) == after

    # An old date can be landed again, and nothing of it is lost; in the old form any date is taken, with a warning.
    run(FIRST)
    assert published(spark, *columns) == after
    deliver(landing, THIRD, {"gates.csv": (OLD.replace(b"555", b"557"), 2)})
    with caplog.at_level("WARNING", logger="nightshift"):
        run(THIRD)
    assert "2013-01-03/gates.csv has the columns of version 1 of bronze.gates, of before its change" in caplog.text
    assert (THIRD, "A1", "IAH", "557", None) in published(spark, *columns)
