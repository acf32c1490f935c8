"""A file that came before: for another date, for its own, or as reference data that stays the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.ingest.delivery import verify
from nightshift.ingest.delivery.repeated_files import natural_order
from tests.nightshift.ingest.delivery.flights import DAY, FIRST, SCHEDULE, allow, deliver, write_manifest
from tests.sent_deliveries import OneSource, things
from tests.sent_deliveries import deliver as things_deliver


def test_a_file_that_was_published_for_another_date_is_a_fault(landing: Path, catalog: Catalog) -> None:
    deliver(catalog)
    published = {FIRST: {"schedule.csv": hashlib.sha256(SCHEDULE).hexdigest()}}
    (fault,) = verify(catalog, BatchDates.of(DAY), lambda _: published).faults
    assert str(fault) == (
        "2013-01-02/schedule.csv: is byte for byte schedule.csv of 2013-01-01: it was delivered for the wrong date, or "
        "a second time"
    )
    assert (fault.rule, fault.rows) == ("other_date", 2)
    # The same file again for its own date is a rerun.
    assert verify(catalog, BatchDates.of(DAY), lambda _: {DAY: published[FIRST]}).faults == ()
    allow(catalog, "bronze.schedule", may_repeat=True)
    assert verify(catalog, BatchDates.of(DAY), lambda _: published).faults == ()


@pytest.mark.parametrize("withdrawn", [True, False])
def test_a_file_that_another_date_no_longer_delivers_is_free_for_its_own(
    landing: Path, catalog: Catalog, withdrawn: bool
) -> None:
    folder = deliver(catalog)
    first = folder.with_name("2013-01-01")
    first.mkdir()
    (first / "schedule.csv").write_bytes(SCHEDULE.replace(b"-02", b"-01") if withdrawn else SCHEDULE)
    write_manifest(first, {"schedule.csv": 2}, FIRST)
    published = {FIRST: {"schedule.csv": hashlib.sha256(SCHEDULE).hexdigest()}}
    faults = verify(catalog, BatchDates.of(DAY), lambda _: published).faults
    assert [fault.rule for fault in faults] == ([] if withdrawn else ["other_date"])


def test_reference_data_may_come_again_unchanged(landing: Path, catalog: Catalog) -> None:
    airlines = b"carrier,name\nUA,United Air Lines Inc.\n"
    deliver(catalog, {"airlines.csv": 1}, airlines__csv=airlines)
    published = {FIRST: {"airlines.csv": hashlib.sha256(airlines).hexdigest()}}
    assert verify(catalog, BatchDates.of(DAY), lambda _: published).faults == ()


def test_a_correction_that_takes_the_place_of_a_wrong_file_frees_it_for_its_own_date(
    landing: Path, catalog: Catalog
) -> None:
    folder = deliver(catalog)
    first = folder.with_name("2013-01-01")
    first.mkdir()
    corrected = SCHEDULE.replace(b"2013-01-02", b"2013-01-01")
    (first / "schedule.csv").write_bytes(corrected)
    write_manifest(first, {"schedule.csv": 2}, FIRST)
    published = {FIRST: {"schedule.csv": hashlib.sha256(SCHEDULE).hexdigest()}}
    assert verify(catalog, BatchDates(FIRST, DAY), lambda _: published).faults == ()


def test_names_are_sorted_as_people_count() -> None:
    names = [
        "orders.csv",
        "orders_01.csv",
        "orders_1.csv",
        "orders_9.csv",
        "orders_10.csv",
        "orders_10_2.csv",
        "orders_a",
    ]
    assert sorted(set(names), key=lambda name: (natural_order(name), name)) == names


def test_of_equal_files_the_newest_is_read(landing: Path) -> None:
    table = things({"file": "things_*", "format": "csv"})
    first, between = b"code,amount,day\na,1,\n", b"code,amount,day\na,2,\n"
    files = {"things_10": (first, 1), "things_8": (first, 1), "things_9": (between, 1)}
    things_deliver(landing / "any", DAY, files)
    found = {file.name: file.duplicate_of for file in verify(OneSource(table), BatchDates.of(DAY)).files}
    assert found == {"things_8": "things_10", "things_9": None, "things_10": None}
