"""What is wrong with a data set is said before a search begins; labels are taken at exactly their maturity."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from training.dataset import prepare, read
from training.split import Periods

DATES = BatchDates(dt.date(2024, 1, 1), dt.date(2024, 1, 30))
PERIODS = Periods.at_end(DATES, validation_days=8, test_days=8)


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, values)


@pytest.fixture
def features(toy):
    return toy().catalog["gold.features"]


def test_each_row_is_in_the_period_of_its_batch_date(features, make_rows):
    dataset = prepare(make_rows(), features, PERIODS)
    for name, period in PERIODS.items():
        days = getattr(dataset, name).days
        assert (str(days.min()), str(days.max())) == (str(period.first), str(period.last))
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [1400, 800, 800]


def test_the_order_in_which_rows_arrive_changes_nothing(features, make_rows):
    rows = make_rows()
    shuffled = rows.take(np.random.default_rng(1).permutation(rows.num_rows))
    assert np.array_equal(
        prepare(rows, features, PERIODS).train.matrix, prepare(shuffled, features, PERIODS).train.matrix
    )


def test_categories_are_those_of_the_train_period_alone(features, make_rows):
    rows = make_rows()
    late = pc.greater_equal(rows["batch_date"], pa.scalar(PERIODS.test.first))
    rows = with_column(rows, "kind", pc.if_else(late, "never seen in training", rows["kind"]))
    dataset = prepare(rows, features, PERIODS)
    assert dataset.encoding.categories == {"kind": ("a", "b", "c")}
    assert np.isnan(dataset.test.matrix[:, dataset.encoding.features.index("kind")]).all()


def test_unmatured_rows_are_dropped_and_counted_by_date(features, make_rows):
    rows = make_rows()
    last = pc.equal(rows["batch_date"], pa.scalar(DATES.last))
    rows = with_column(rows, "label", pc.if_else(last, pa.scalar(None, pa.bool_()), rows["label"]))
    dataset = prepare(rows, features, PERIODS)
    assert dataset.unmatured == {DATES.last: 100}
    assert len(dataset.test) == 700


def test_no_matured_label(features, make_rows):
    rows = with_column(make_rows(), "label", pa.nulls(3000, pa.bool_()))
    with pytest.raises(NightshiftError, match="none of the 3000 rows has a matured label"):
        prepare(rows, features, PERIODS)


def test_one_class(features, make_rows):
    rows = make_rows()
    early = pc.less_equal(rows["batch_date"], pa.scalar(PERIODS.train.last))
    with pytest.raises(NightshiftError, match=r"all 1400 labels of the train period .* are False"):
        prepare(with_column(rows, "label", pc.if_else(early, False, rows["label"])), features, PERIODS)


def test_an_empty_period(features, make_rows):
    rows = make_rows()
    with pytest.raises(NightshiftError, match=r"the validation period 2024-01-15\.\.2024-01-22 has no row"):
        outside = pc.invert(pc.is_in(rows["batch_date"], pa.array(list(PERIODS.validation))))
        prepare(rows.filter(outside), features, PERIODS)


def test_duplicate_keys(features, make_rows):
    rows = make_rows()
    with pytest.raises(NightshiftError, match=r"1 keys \(batch_date, id\) occur more than once.*'id': 0"):
        prepare(pa.concat_tables([rows, rows.slice(0, 1)]), features, PERIODS)


def test_infinite_values_are_named(features, make_rows):
    rows = make_rows()
    values = rows["other"].to_numpy().copy()
    values[[5, 6]] = np.inf
    with pytest.raises(NightshiftError, match=r"infinite values.*\n  other: 2 rows"):
        prepare(with_column(rows, "other", pa.array(values)), features, PERIODS)


@pytest.mark.parametrize(
    "values",
    [pa.array(np.full(3000, 7.0), pa.float32()), pa.nulls(3000, pa.float32()), pa.array(np.full(3000, np.nan))],
    ids=["constant", "always null", "always NaN"],
)
def test_a_feature_that_says_nothing_is_left_out_and_named(features, make_rows, values, caplog):
    dataset = prepare(with_column(make_rows(), "other", values), features, PERIODS)
    assert dataset.left_out == ("other",)
    assert dataset.encoding.features == ("signal", "kind")
    assert "left out: other" in caplog.text


def test_a_feature_that_is_either_missing_or_one_value_is_kept(features, make_rows):
    values = pa.array([1.0 if row % 2 else None for row in range(3000)], pa.float32())
    assert prepare(with_column(make_rows(), "other", values), features, PERIODS).left_out == ()


@pytest.fixture
def lake_of(spark):
    """Writes features of some ids on 1 January, and results as (delivery, id, happened)."""

    def write(job, ids, results):
        date = dt.date(2024, 1, 1)
        rows = [(date, number, float(number), 0.0, "a") for number in ids]
        features, labels = job.catalog["gold.features"], job.catalog["silver.results"]
        spark.createDataFrame(rows, features.ddl).write.format("delta").save(str(features.path))
        spark.createDataFrame(results, labels.ddl).write.format("delta").save(str(labels.path))

    return write


def test_a_label_counts_when_it_came_exactly_the_maturity_later(spark, toy, lake_of):
    job = toy(days=1)
    results = [
        (dt.date(2024, 1, 3), 1, True),  # matured
        (dt.date(2024, 1, 2), 2, True),  # resolved early: not the delivery that the horizon of all names
        (dt.date(2024, 1, 4), 3, True),  # too late
    ]
    lake_of(job, [1, 2, 3], results)
    rows = read(spark, job.catalog, job.dates)
    assert {row["id"]: row["label"] for row in rows.table.to_pylist()} == {1: True, 2: None, 3: None}
    assert rows.versions == {job.catalog[name].label: 0 for name in ("gold.features", "silver.results")}
    assert rows.share == 1.0


def test_more_rows_than_allowed_are_sampled_by_key_the_same_ones_each_time(spark, toy, lake_of):
    job = toy(days=1, max_rows=400)
    lake_of(job, range(1000), [(dt.date(2024, 1, 3), 1, True)])
    first, second = (read(spark, job.catalog, job.dates).table["id"].to_pylist() for _ in range(2))
    assert set(first) == set(second)
    assert 330 <= len(first) <= 470
