"""Names and sizes are looked at without opening a file; what they show is what verifying finds, too."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from nightshift.dates import BatchDates, Weekly
from nightshift.declarations.catalog import Catalog
from nightshift.errors import NightshiftError
from nightshift.ingest.delivery.quick_look import glance
from nightshift.ingest.delivery.read_file import Reader
from tests.nightshift.ingest.delivery.flights import DAY, OUTCOMES, SCHEDULE, deliver, tolerate

NIGHT = BatchDates.of(DAY)


@pytest.fixture(autouse=True)
def opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "read", None)


def test_a_sound_delivery_has_no_faults(landing: Path, catalog: Catalog) -> None:
    deliver(catalog)
    assert not glance(catalog, NIGHT).is_blocked


def test_a_size_that_differs_from_the_manifest_blocks(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    (folder / "schedule.csv").write_bytes(SCHEDULE[:-20])
    found = glance(catalog, NIGHT)
    assert found.is_blocked
    (fault,) = found.faults
    assert str(fault) == f"{DAY}/schedule.csv: has {len(SCHEDULE) - 20:,} bytes, the manifest says {len(SCHEDULE):,}"
    with pytest.raises(NightshiftError, match="1 file of the delivery 2013-01-02 of flight_delays can't be used"):
        found.refuse_faults()


@pytest.mark.parametrize(("days", "is_refused"), [(1, True), (6, True), (7, False), (8, False)])
def test_a_delivery_of_a_day_that_is_no_batch_date_is_refused(
    landing: Path, catalog: Catalog, days: int, is_refused: bool
) -> None:
    folder = deliver(catalog)
    stray = DAY - dt.timedelta(days=days)
    folder.rename(folder.with_name(str(stray)))
    deliver(catalog)
    week = BatchDates.of(DAY, Weekly(DAY.weekday()))
    if not is_refused:
        assert not glance(catalog, week).is_blocked
        return
    with pytest.raises(NightshiftError, match=rf"/{stray} holds a delivery, and {stray} is no batch date: these are"):
        glance(catalog, week)


def test_what_is_missing_or_not_listed_blocks(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    (folder / "outcomes.jsonl.gz").unlink()
    (folder / "more.csv").write_bytes(b"a")
    assert {fault.file for fault in glance(catalog, NIGHT).faults} == {"outcomes.jsonl.gz", "more.csv"}


def test_what_the_use_case_tolerates_does_not_block_unless_the_run_needs_it(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog, {"airlines.csv": 1}, airlines__csv=b"carrier,name\nUA,United\n")
    (folder / "airlines.csv").write_bytes(b"carrier")
    assert glance(catalog, NIGHT).is_blocked
    tolerate(catalog, 1)
    assert not glance(catalog, NIGHT).is_blocked
    (folder / "outcomes.jsonl.gz").write_bytes(OUTCOMES[:-9])
    tolerate(catalog, 5)
    assert glance(catalog, NIGHT).is_blocked


def test_a_delivery_that_is_not_complete_is_refused_at_once(landing: Path, catalog: Catalog) -> None:
    (deliver(catalog) / "manifest.json").unlink()
    with pytest.raises(NightshiftError, match=r"manifest\.json"):
        glance(catalog, NIGHT)
