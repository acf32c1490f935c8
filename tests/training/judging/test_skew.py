"""Rows as they were scored are compared with those that training reads."""

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from nightshift import ledger
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.ledger import Input
from training.judging import skew, skew_files
from training.judging.skew import compare

FIRST = dt.date(2013, 10, 1)
NAN = float("nan")
ROWS = 4


@pytest.fixture
def catalog(home):
    return Catalog(UseCase.load("flight_delays", get_settings()))


def day(number):
    return FIRST + dt.timedelta(days=number)


def features_of(date, **changed):
    """Four flights of a day, with a few of the declared features; the others came later, as it were."""
    rows = {
        "time_hour": pa.array([dt.datetime.combine(date, dt.time(9), dt.UTC)] * ROWS, pa.timestamp("us", "UTC")),
        "carrier": pa.array(["AA", "AA", "UA", "UA"]),
        "flight": pa.array([1, 2, 3, 4], pa.int32()),
        "origin": pa.array(["JFK", "LGA", "EWR", None]),
        "distance": pa.array([100.0, 200.0, None, NAN]),
        "day_of_week": pa.array([1.0, 1.0, 1.0, 1.0]),
    }
    rows |= {name: pa.array(values, rows[name].type) for name, values in changed.items()}
    return pa.table({"batch_date": pa.array([date] * len(rows["flight"])), **rows})


def publish(table, date, rows):
    """Exchange the rows of a date; gives the version."""
    replaced = {"mode": "overwrite", "predicate": f"batch_date = '{date}'"} if table.exists() else {}
    write_deltalake(
        table.location.path, rows, partition_by=["batch_date"], schema_mode="merge" if replaced else None, **replaced
    )
    return DeltaTable(table.location.path).version()


def score(catalog, date, version, model_version=1):
    """Leave what scoring a date from a version of the features leaves: rows, and an entry with its input."""
    publish(catalog["gold.scores"], date, pa.table({"batch_date": pa.array([date]), "probability": pa.array([0.5])}))
    inputs = [] if version is None else [Input("table", "gold.features", str(version), ROWS)]
    common = {"use_case": catalog.use_case.name, "stage": "score", "table_name": "gold.scores", "run_id": "night"}
    with ledger.attempt(common, {date: {"model_version": model_version}}, {date: inputs}) as made:
        made.published(0, {date: ROWS})


@pytest.fixture
def compared(spark, catalog):
    """The skew of some days against the newest version of the features."""

    def run(days=5):
        version = DeltaTable(catalog["gold.features"].location.path).version()
        return compare(spark, catalog, BatchDates(FIRST, day(days)), version)

    return run


def test_scores_are_not_declared_yet(toy):
    job = toy()
    assert "gold.scores" not in job.catalog
    found = compare(None, job.catalog, job.dates, 0)
    assert not found.scored_before
    assert found.numbers() == {}


def test_nothing_was_scored(catalog, compared):
    publish(catalog["gold.features"], day(0), features_of(day(0)))
    found = compared()
    assert not found.scored_before
    assert found.numbers() == {}


def test_rows_are_compared_by_key_and_counted_by_feature(catalog, compared):
    table = catalog["gold.features"]
    score(catalog, day(0), publish(table, day(0), features_of(day(0))))
    score(catalog, day(1), publish(table, day(1), features_of(day(1))))
    # Other order, one value changed, a missing one now known; null and NaN are as they were elsewhere.
    changed = features_of(day(1), distance=[100.0, 201.0, 7.0, NAN], origin=["JFK", "LGA", "EWR", None])
    publish(table, day(1), changed.take([3, 1, 0, 2]))
    found = compared()
    assert found.dates == (day(0), day(1))
    assert found.numbers() == {"skew_rows_compared": 8.0, "skew_share": 0.25}
    assert {name: share for name, share in found.shares.items() if share} == {"distance": 0.25}
    assert found.shares.keys() == {"carrier", "origin", "distance", "day_of_week"}
    # Of the date whose files differ, two of the eight rows.
    assert {name: share for name, share in found.rewritten.items() if share} == {"distance": 0.25}
    distance = found.distributions["distance"]
    assert (distance.scoring_mean, distance.scoring_missing) == (150.0, 0.5)
    assert (distance.training_mean, distance.training_missing) == (pytest.approx(308 / 3), 0.25)
    assert next(iter(json.loads(json.dumps(found.to_dict(), allow_nan=False))["shares"])) == "distance"


def test_a_key_that_training_lacks_differs_in_every_feature(catalog, compared):
    table = catalog["gold.features"]
    score(catalog, day(0), publish(table, day(0), features_of(day(0))))
    publish(table, day(0), features_of(day(0)).slice(1))
    found = compared()
    assert set(found.shares.values()) == {0.25}
    # And is rewritten in none.
    assert set(found.rewritten.values()) == {0.0}


def test_rows_written_again_with_the_same_values_are_equal(catalog, compared):
    table = catalog["gold.features"]
    score(catalog, day(0), publish(table, day(0), features_of(day(0))))
    publish(table, day(0), features_of(day(0)).take([3, 2, 1, 0]))
    found = compared()
    assert found.numbers() == {"skew_rows_compared": 4.0, "skew_share": 0.0}
    assert found.distributions


def test_unchanged_files_are_not_read_at_all(catalog, compared, monkeypatch):
    table = catalog["gold.features"]
    score(catalog, day(0), publish(table, day(0), features_of(day(0))))
    publish(table, day(1), features_of(day(1)))
    monkeypatch.setattr(skew, "parquet", None)
    assert compared().numbers() == {"skew_rows_compared": 4.0, "skew_share": 0.0}


def test_a_date_that_was_scored_again_counts_as_it_was_scored_last(catalog, compared):
    table = catalog["gold.features"]
    score(catalog, day(0), publish(table, day(0), features_of(day(0), day_of_week=[9.0] * 4)))
    score(catalog, day(0), publish(table, day(0), features_of(day(0))))
    assert compared().numbers()["skew_share"] == 0.0


def test_a_feature_that_came_later_is_not_compared_where_it_was_not(catalog, compared):
    table = catalog["gold.features"]
    score(catalog, day(0), publish(table, day(0), features_of(day(0))))
    more = features_of(day(1)).append_column("departure_minute", pa.array([1.0] * ROWS))
    score(catalog, day(1), publish(table, day(1), more))
    for number in (0, 1):
        publish(
            table, day(number), features_of(day(number)).append_column("departure_minute", pa.array([1.0, 2, 1, 1]))
        )
    found = compared()
    assert found.shares["departure_minute"] == 0.25
    assert found.shares["distance"] == 0.0


def test_where_every_feature_is_new_there_is_no_number(catalog, compared):
    table = catalog["gold.features"]
    keys = features_of(day(0)).select(["batch_date", "time_hour", "flight"])
    score(catalog, day(0), publish(table, day(0), keys))
    publish(table, day(0), features_of(day(0)))
    found = compared()
    assert found.scored_before
    assert found.numbers() == {}


def test_only_the_newest_dates_of_the_range_are_compared(catalog, compared, monkeypatch):
    monkeypatch.setattr(skew_files, "MOST_DATES", 2)
    table = catalog["gold.features"]
    for number in range(4):
        score(catalog, day(number), publish(table, day(number), features_of(day(number))))
    assert compared(days=2).dates == (day(1), day(2))


def test_the_erasure_of_a_person_leaves_known_what_the_others_were_scored_from(catalog, compared):
    table = catalog["gold.features"]
    score(catalog, day(0), publish(table, day(0), features_of(day(0))))
    publish(table, day(0), features_of(day(0), day_of_week=[2.0] * ROWS))
    score(catalog, day(0), None, model_version=None)
    found = compared()
    assert (found.dates, found.lost) == ((day(0),), ())
    assert found.shares["day_of_week"] == 1.0


def test_of_lost_dates_the_number_and_the_range_are_said(catalog, compared, caplog):
    for number in range(4):
        version = publish(catalog["gold.features"], day(number), features_of(day(number)))
        score(catalog, day(number), version if number == 1 else None)
    compared()
    [said] = [each.getMessage() for each in caplog.records if "skew is not known" in each.getMessage()]
    assert "3 of 4 scored dates, within 2013-10-01..2013-10-04" in said


@pytest.mark.parametrize("lost", ["files", "ledger"])
def test_what_was_scored_and_is_gone_gives_no_number(catalog, compared, lost):
    table = catalog["gold.features"]
    version = publish(table, day(0), features_of(day(0)))
    score(catalog, day(0), version if lost == "files" else None)
    publish(table, day(0), features_of(day(0), day_of_week=[2.0] * ROWS))
    if lost == "files":
        DeltaTable(table.location.path).vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    found = compared()
    assert found.scored_before
    assert found.lost == (day(0),)
    assert found.numbers() == {}


def test_many_rows_are_counted_right(catalog, compared):
    size = 3000
    generator = np.random.default_rng(2)
    rows = pa.table(
        {
            "batch_date": pa.array([day(0)] * size),
            "time_hour": pa.array([dt.datetime(2013, 10, 1, 9, tzinfo=dt.UTC)] * size, pa.timestamp("us", "UTC")),
            "carrier": pa.array(["AA"] * size),
            "flight": pa.array(range(size), pa.int32()),
            "distance": pa.array(generator.normal(size=size)),
        }
    )
    score(catalog, day(0), publish(catalog["gold.features"], day(0), rows))
    moved = generator.random(size) < 0.3
    distance = np.where(moved, rows["distance"].to_numpy() + 1e-12, rows["distance"].to_numpy())
    shuffled = rows.set_column(4, "distance", pa.array(distance)).take(generator.permutation(size))
    publish(catalog["gold.features"], day(0), shuffled)
    assert compared().shares["distance"] == np.count_nonzero(distance != rows["distance"].to_numpy()) / size
