"""A score names the version of the features that it would name however often other dates were published since."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift import lake
from nightshift.dates import BatchDates
from scoring.feature_versions import slice_versions
from tests.scoring.conftest import DAY, World

DATES = BatchDates(DAY, DAY + dt.timedelta(days=3))
FIRST, SECOND, THIRD, FOURTH = DATES
FLIGHTS = 3


@pytest.fixture
def features(world: World):
    """Versions 0 to 5: a night each, then the second date with other rows and the third once more with the same."""
    for seed, date in enumerate(DATES):
        world.features(date, seed, FLIGHTS)
    world.features(SECOND, 9, FLIGHTS)
    world.features(THIRD, 2, FLIGHTS)
    return world.catalog["gold.features"]


def test_each_date_has_the_oldest_version_with_the_rows_it_has_now(features) -> None:
    assert slice_versions(features, DATES, 5) == {FIRST: 0, SECOND: 4, THIRD: 2, FOURTH: 3}
    # As it was then: what was published later plays no part.
    assert slice_versions(features, DATES, 3) == {FIRST: 0, SECOND: 1, THIRD: 2, FOURTH: 3}


def test_a_range_opens_one_version_however_many_its_dates_were_published_in(features, monkeypatch) -> None:
    opened = []
    snapshot = lake.snapshot
    monkeypatch.setattr(lake, "snapshot", lambda *asked: opened.append(asked) or snapshot(*asked))
    slice_versions(features, DATES, 5)
    assert opened == [(features, 5)]


@pytest.mark.parametrize("gone", ["entry of the log", "file"])
def test_a_version_of_which_nothing_is_known_any_more_is_not_named(features, gone) -> None:
    [file] = lake.files_added(features, 2)[THIRD]
    entry = features.location.path / "_delta_log" / f"{2:020d}.json"
    # As a clean-up of the log leaves it: the newest version can be read without its entries.
    lake.snapshot(features).create_checkpoint()
    (file.path if gone == "file" else entry).unlink()
    assert slice_versions(features, BatchDates.of(THIRD), 5) == {THIRD: 5}
