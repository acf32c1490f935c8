"""What a run can do without, and what it can not: required sources, tolerated files, empty days."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.errors import NightshiftError
from nightshift.ingest.delivery import delivery_folder
from tests.nightshift.ingest.delivery.flights import (
    DAY,
    FIRST,
    HEADER,
    OUTCOMES,
    SCHEDULE,
    allow,
    deliver,
    only_fault,
    tolerate,
    verified,
    write_manifest,
)


def test_a_required_source_must_be_listed(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    (folder / "weather.parquet").unlink()
    write_manifest(folder, {"schedule.csv": 2, "outcomes.jsonl.gz": 2})
    assert "weather.parquet: is required in every delivery" in only_fault(catalog)


def test_outcomes_and_weather_are_not_required_on_the_first_date(landing: Path, catalog: Catalog) -> None:
    folder = delivery_folder(catalog.use_case, FIRST).location.path
    folder.mkdir(parents=True)
    (folder / "schedule.csv").write_bytes(SCHEDULE)
    write_manifest(folder, {"schedule.csv": 2}, FIRST)
    assert verified(catalog, FIRST).faults == ()


def test_a_corrupt_file_is_tolerated_up_to_the_declared_number(landing: Path, catalog: Catalog) -> None:
    deliver(catalog, {"airlines.csv": 1}, airlines__csv=b"name\nUnited\n")
    tolerate(catalog, 1)
    verified(catalog).refuse_faults()
    assert [file.table.name for file in verified(catalog).files] == ["schedule", "outcomes", "weather"]


@pytest.mark.parametrize("is_there", [True, False], ids=["corrupt", "missing"])
def test_a_required_source_without_a_good_file_is_never_tolerated(
    landing: Path, catalog: Catalog, is_there: bool
) -> None:
    folder = deliver(catalog, outcomes__jsonl__gz=OUTCOMES[:-9])
    if not is_there:
        (folder / "outcomes.jsonl.gz").unlink()
    tolerate(catalog, 5)
    (fault,) = verified(catalog).faults
    assert not fault.tolerable
    assert fault.rows == 2, "by the word of the manifest"
    with pytest.raises(NightshiftError, match="nothing of these dates was published"):
        verified(catalog).refuse_faults()


def test_a_corrupt_part_of_a_required_source_is_tolerated_beside_a_good_one(landing: Path, catalog: Catalog) -> None:
    allow(catalog, "bronze.schedule", file="schedule*.csv")
    deliver(catalog, {"schedule_2.csv": 3}, schedule_2__csv=b"carrier\nUA\nAA\n")
    tolerate(catalog, 1)
    assert [(fault.file, fault.rows) for fault in verified(catalog).faults] == [("schedule_2.csv", 2)], "as counted"
    verified(catalog).refuse_faults()


def test_a_missing_source_is_never_tolerated(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    write_manifest(folder, {"outcomes.jsonl.gz": 2, "weather.parquet": 1})
    (folder / "schedule.csv").unlink()
    strict = catalog.use_case
    delivery = strict.delivery.model_copy(update={"tolerated_corrupt_files": 5})
    catalog.use_case = strict.model_copy(update={"delivery": delivery})
    with pytest.raises(NightshiftError, match="is required in every delivery"):
        verified(catalog).refuse_faults()


def test_an_empty_source_clears_the_day_only_where_that_is_declared(landing: Path, catalog: Catalog) -> None:
    deliver(catalog, {"schedule.csv": 0}, schedule__csv=HEADER + b"\n")
    assert "0 rows, and the source is declared without `empty_allowed`" in only_fault(catalog)
    with pytest.raises(NightshiftError, match="declare `empty_allowed: true` for the source"):
        verified(catalog).refuse_faults()
    allow(catalog, "bronze.schedule", empty_allowed=True)
    delivery = verified(catalog)
    assert delivery.faults == ()
    assert delivery.rows_in(catalog["bronze.schedule"]) == {DAY: 0}
