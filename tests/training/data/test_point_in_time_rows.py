"""Labels are taken at exactly their maturity; the sample is drawn by key, and its weights give the whole back."""

import datetime as dt

import pytest

from nightshift.declarations.training_section import Sampling
from nightshift.errors import NightshiftError
from training.data.declaration_checks import WEIGHT
from training.data.point_in_time_rows import HASH_BUCKETS, Rows, plan_draw, read

DAY, LABELLED = dt.date(2024, 1, 1), dt.date(2024, 1, 3)


@pytest.fixture
def lake_of(spark):
    """Writes features of some ids on 1 January, and results as (delivery, id, outcome)."""

    def write(job, ids, results):
        rows = [(DAY, number, float(number), 0.0, "a", "north", "f") for number in ids]
        features, labels = job.catalog["gold.features"], job.catalog["silver.results"]
        spark.createDataFrame(rows, features.ddl).write.format("delta").partitionBy("batch_date").save(
            str(features.location.path)
        )
        spark.createDataFrame(results, labels.ddl).write.format("delta").partitionBy("batch_date").save(
            str(labels.location.path)
        )

    return write


def test_a_label_counts_when_it_came_exactly_the_maturity_later(spark, toy, lake_of):
    job = toy(days=1, slices=["region"])
    results = [
        (LABELLED, 1, True),  # matured
        (dt.date(2024, 1, 2), 2, True),  # resolved early: not the delivery that the horizon of all names
        (dt.date(2024, 1, 4), 3, True),  # too late
        (LABELLED, 4, None),  # not known even then
        (dt.date(2024, 1, 2), 5, True),  # said to be an event early, and at the horizon that it was none
        (LABELLED, 5, False),
    ]
    lake_of(job, range(1, 6), results)
    rows = read(spark, job.catalog, job.dates)
    assert {row["id"]: row["label"] for row in rows.table.to_pylist()} == {1: 1.0, 5: 0.0}
    assert rows.coverage == {DAY: (5, 2)}
    assert rows.versions == {job.catalog[name].label: 0 for name in ("gold.features", "silver.results")}
    assert (rows.share, set(rows.table[WEIGHT].to_pylist())) == (1.0, {1.0})
    assert set(rows.table.column_names) == {"batch_date", "id", "signal", "other", "kind", "region", "label", WEIGHT}


def test_values_of_a_regression_are_read_as_they_are(spark, toy, lake_of):
    job = toy(days=1, task="regression")
    lake_of(job, [1, 2], [(LABELLED, 1, 12.3456789012345), (LABELLED, 2, -0.5)])
    rows = read(spark, job.catalog, job.dates)
    assert {row["id"]: row["label"] for row in rows.table.to_pylist()} == {1: 12.3456789012345, 2: -0.5}


def test_more_rows_than_allowed_are_sampled_by_key_the_same_ones_each_time(spark, toy, lake_of):
    job = toy(days=1, max_rows=400)
    # Of 1000 rows 200 have no label: they are counted, and take no place in the sample.
    lake_of(job, range(1000), [(LABELLED, number, number % 10 == 0) for number in range(800)])
    first, second = (read(spark, job.catalog, job.dates) for _ in range(2))
    assert set(first.table["id"].to_pylist()) == set(second.table["id"].to_pylist())
    assert 330 <= first.table.num_rows <= 470
    assert first.coverage == {DAY: (1000, 800)}
    assert first.share == pytest.approx(0.5)
    assert sum(first.table[WEIGHT].to_pylist()) == pytest.approx(800, rel=0.2)


def test_kept_events_are_all_there_and_weights_give_the_rate_of_all_rows(spark, toy, lake_of):
    job = toy(days=1, sampling={"max_rows": 500, "keep_events": True})
    lake_of(job, range(2000), [(LABELLED, number, number % 20 == 0) for number in range(2000)])
    table = read(spark, job.catalog, job.dates).table
    labels, weights = table["label"].to_numpy(), table[WEIGHT].to_numpy()
    assert labels.sum() == 100
    assert set(weights[labels == 1]) == {1.0}
    assert weights[labels == 0] == pytest.approx(1900 / 400)
    assert 330 <= (labels == 0).sum() <= 470
    assert (labels @ weights) / weights.sum() == pytest.approx(0.05, rel=0.2)


def test_several_labels_of_one_row_are_refused_before_a_sample_could_miss_them(spark, toy, lake_of):
    job = toy(days=1, max_rows=10)
    lake_of(job, range(1000), [(LABELLED, number, True) for number in range(1000)] + [(LABELLED, 7, False)])
    with pytest.raises(NightshiftError, match=r"1 row of gold/.* with more than one label in silver\.results"):
        read(spark, job.catalog, job.dates)


def test_a_range_without_features_names_the_stage_to_run(spark, toy, lake_of):
    job = toy(days=1)
    lake_of(job, [1], [(LABELLED, 1, True)])
    with pytest.raises(NightshiftError, match=r"no rows in 2024-02-01: run the features stage"):
        read(spark, job.catalog, type(job.dates).parse("2024-02-01"))


def test_what_use_case_yaml_names_is_checked_against_the_tables_before_anything_is_read(toy):
    with pytest.raises(NightshiftError, match=r"training\.slices: nothing"):
        read(None, toy(slices=["nothing"]).catalog, None)


@pytest.mark.parametrize(
    ("keep_events", "rows", "events", "share"),
    [
        (False, 500, 400, 1.0),  # fewer than allowed
        (False, 4000, 100, 0.25),
        (True, 500, 400, 1.0),
        (True, 10_100, 100, 0.09),  # room for 900 of 10,000
        (True, 1_000_000_000, 10, 990 / (1_000_000_000 - 10)),
    ],
)
def test_the_share_makes_about_max_rows(keep_events, rows, events, share):
    draw = plan_draw(Sampling(max_rows=1000, keep_events=keep_events), rows, events)
    assert draw.share == pytest.approx(share, rel=1e-6)
    assert 1 <= draw.buckets <= HASH_BUCKETS


def test_events_that_leave_no_room_for_others_are_refused():
    with pytest.raises(NightshiftError, match="950 of them leave no room"):
        plan_draw(Sampling(max_rows=1000, keep_events=True), 5000, 950)


def test_a_complete_range_counts_what_has_matured(make_rows):
    rows = Rows.complete(make_rows(days=2))
    assert rows.coverage == {DAY: (100, 100), dt.date(2024, 1, 2): (100, 100)}
    assert set(rows.table["label"].to_pylist()) == {0.0, 1.0}
