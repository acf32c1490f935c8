"""What is wrong with a data set is said before a search begins."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from nightshift.dates import BatchDates, Length
from nightshift.errors import NightshiftError
from training.data.dataset import prepare
from training.data.declaration_checks import WEIGHT
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods

DATES = BatchDates(dt.date(2024, 1, 1), dt.date(2024, 2, 5))
PERIODS = Periods.at_end(DATES, Length(8), Length(14))


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, values)


def test_each_row_is_in_the_period_of_its_batch_date(toy, prepared):
    dataset = prepared(toy())
    for name, period in PERIODS.items():
        days = getattr(dataset, name).days
        assert (str(days.min()), str(days.max())) == (str(period.first), str(period.last))
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [1400, 800, 1400]


def test_rows_of_the_embargo_are_in_no_period(toy, make_rows):
    job = toy()
    periods = Periods.at_end(DATES, Length(8), Length(14), Length(2))
    dataset = prepare(Rows.complete(make_rows()), job.use_case, job.catalog["gold.features"], periods)
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [1000, 800, 1400]
    days = {str(day) for name in ("train", "validation", "test") for day in getattr(dataset, name).days}
    assert days.isdisjoint({"2024-01-11", "2024-01-12", "2024-01-21", "2024-01-22"})


def test_the_order_in_which_rows_arrive_changes_nothing(toy, make_rows, prepared):
    job, rows = toy(), make_rows()
    shuffled = rows.take(np.random.default_rng(1).permutation(rows.num_rows))
    one, other = prepared(job, rows), prepared(job, shuffled)
    assert np.array_equal(one.train.matrix, other.train.matrix)
    assert one.tables["test"].equals(other.tables["test"])
    assert one.digest() == other.digest()


@pytest.mark.parametrize(
    ("name", "of_last_row"),
    [
        ("other", pa.scalar(7.5, pa.float32())),
        ("kind", pa.scalar("never seen in training")),
        ("region", pa.scalar("west")),
        ("label", pa.scalar(None, pa.bool_())),
    ],
)
def test_other_rows_have_another_digest(toy, make_rows, prepared, name, of_last_row):
    job, rows = toy(), make_rows()
    is_last = pa.array(np.arange(rows.num_rows) == rows.num_rows - 1)
    changed = with_column(rows, name, pc.if_else(is_last, of_last_row, rows[name]))
    assert prepared(job, changed).digest() != prepared(job, rows).digest()


def test_what_stands_where_a_value_is_missing_is_not_in_the_digest(toy, prepared):
    dataset = prepared(toy())
    values = dataset.tables["test"]["signal"].combine_chunks()
    first_is_missing = pa.array([False] + [True] * (len(values) - 1)).buffers()[1]

    def digest(hidden):
        under = pa.concat_arrays([pa.array([hidden], pa.float32()), values[1:]])
        column = pa.Array.from_buffers(pa.float32(), len(values), [first_is_missing, under.buffers()[1]])
        test = with_column(dataset.tables["test"], "signal", column)
        return replace(dataset, tables={**dataset.tables, "test": test}).digest()

    assert digest(1.0) == digest(2.0) != dataset.digest()


def test_rows_before_encoding_are_in_the_order_of_the_part_with_the_columns_to_judge_by(toy, prepared):
    dataset = prepared(toy(slices=["region"], fairness=["gender"]))
    for name, _ in PERIODS.items():
        table, part = dataset.tables[name], getattr(dataset, name)
        assert {"id", "region", "gender", "kind"} <= set(table.column_names)
        assert not {"label", WEIGHT} & set(table.column_names)
        assert np.array_equal(table["signal"].to_numpy(), part.matrix[:, dataset.encoding.features.index("signal")])


def test_categories_are_those_of_the_train_period_alone_and_others_are_told_of(toy, make_rows, prepared, caplog):
    rows = make_rows()
    late = pc.greater_equal(rows["batch_date"], pa.scalar(PERIODS.test.first))
    rows = with_column(rows, "kind", pc.if_else(late, "never seen in training", rows["kind"]))
    dataset = prepared(toy(), rows)
    assert dataset.encoding.categories == {"kind": ("a", "b", "c")}
    assert np.isnan(dataset.test.matrix[:, dataset.encoding.features.index("kind")]).all()
    assert "kind: 100.0% of the test rows have categories" in caplog.text


def test_unmatured_rows_are_dropped_and_coverage_is_told_by_date(toy, make_rows, prepared):
    rows = make_rows()
    last = pc.equal(rows["batch_date"], pa.scalar(DATES.last))
    dataset = prepared(toy(), with_column(rows, "label", pc.if_else(last, pa.scalar(None, pa.bool_()), rows["label"])))
    assert dataset.coverage[DATES.last] == (100, 0)
    assert dataset.coverage[DATES.first] == (100, 100)
    assert list(dataset.coverage) == list(DATES)
    assert len(dataset.test) == 1300


def test_labels_of_a_regression_are_the_values(toy, make_rows, prepared):
    rows = make_rows(task="regression")
    dataset = prepared(toy(task="regression"), rows)
    assert np.array_equal(dataset.train.labels, rows["label"].to_numpy()[:1400])
    assert dataset.constant == pytest.approx(rows["label"].to_numpy()[:2200].mean())


def test_weights_count_in_the_rate_and_in_the_constant(toy, make_rows):
    job, rows = toy(), Rows.complete(make_rows())
    labels = rows.table["label"].to_numpy()
    weights = np.where(labels == 1, 1.0, 4.0)
    weighted = Rows(with_column(rows.table, WEIGHT, pa.array(weights)), {}, 0.25, rows.coverage)
    dataset = prepare(weighted, job.use_case, job.catalog["gold.features"], PERIODS)
    events, others = (labels[:2200] == 1).sum(), 4 * (labels[:2200] == 0).sum()
    assert dataset.constant == pytest.approx(events / (events + others))
    assert dataset.train.rate < 0.3 < labels[:1400].mean()


def test_no_matured_label(toy, make_rows, prepared):
    with pytest.raises(NightshiftError, match=r"of 3600 rows, none has a matured label.* delivery of D \+ 2"):
        prepared(toy(), with_column(make_rows(), "label", pa.nulls(3600, pa.bool_())))


def test_one_class(toy, make_rows, prepared):
    rows = make_rows()
    early = pc.less_equal(rows["batch_date"], pa.scalar(PERIODS.train.last))
    with pytest.raises(NightshiftError, match=r"all 1400 labels of the train period .* are 0: .*happened"):
        prepared(toy(), with_column(rows, "label", pc.if_else(early, False, rows["label"])))


def test_a_constant_value_to_predict(toy, make_rows, prepared):
    rows = make_rows(task="regression")
    with pytest.raises(NightshiftError, match=r"all 1400 labels of the train period .* are 7.5"):
        prepared(toy(task="regression"), with_column(rows, "label", pa.array(np.full(3600, 7.5))))


def test_a_third_class(toy, make_rows, prepared):
    rows = make_rows()
    labels = rows["label"].cast(pa.int32()).to_numpy().copy()
    labels[5] = 2
    with pytest.raises(NightshiftError, match=r"happened of silver.results holds 2 .* knows 0 and 1 only"):
        prepared(toy(), with_column(rows, "label", pa.array(labels)))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e39])
def test_a_value_to_predict_that_is_not_finite(toy, make_rows, prepared, value):
    rows = make_rows(task="regression")
    labels = rows["label"].to_numpy().copy()
    labels[5] = value
    with pytest.raises(NightshiftError, match=r"minutes of silver\.results is infinite or not a number in 1 rows"):
        prepared(toy(task="regression"), with_column(rows, "label", pa.array(labels, from_pandas=False)))


def test_an_empty_period(toy, make_rows, prepared):
    rows = make_rows()
    outside = pc.invert(pc.is_in(rows["batch_date"], pa.array(list(PERIODS.validation))))
    with pytest.raises(NightshiftError, match=r"the validation period 2024-01-15\.\.2024-01-22 has no row"):
        prepared(toy(), rows.filter(outside))


def test_duplicate_keys(toy, make_rows, prepared):
    rows = make_rows()
    with pytest.raises(NightshiftError, match=r"1 keys \(batch_date, id\) occur more than once.*'id': 0"):
        prepared(toy(), pa.concat_tables([rows, rows.slice(0, 1)]))


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_infinite_values_are_named(toy, make_rows, prepared, value):
    rows = make_rows()
    values = rows["other"].to_numpy().astype(np.float64)
    values[[5, 6]] = value
    with pytest.raises(NightshiftError, match=r"infinite values.*\n  other: 2 rows"):
        prepared(toy(), with_column(rows, "other", pa.array(values)))


@pytest.mark.parametrize("values", [pa.nulls(3600, pa.float32()), pa.array(np.full(3600, np.nan))])
def test_a_feature_without_any_value(toy, make_rows, prepared, values):
    with pytest.raises(NightshiftError, match="have no value in any of the 3600 rows: other; fix their SQL"):
        prepared(toy(), with_column(make_rows(), "other", values))


@pytest.mark.parametrize(
    "values",
    [
        pa.array(np.full(3600, 7.0), pa.float32()),  # constant
        pa.array([None if row < 1400 else float(row) for row in range(3600)], pa.float32()),  # missing in training
    ],
)
def test_a_feature_that_says_nothing_in_training_is_left_out_and_named(toy, make_rows, prepared, values, caplog):
    dataset = prepared(toy(), with_column(make_rows(), "other", values))
    assert dataset.left_out == ("other",)
    assert dataset.encoding.features == ("signal", "kind")
    assert "left out: other" in caplog.text


def test_a_feature_that_is_either_missing_or_one_value_is_kept(toy, make_rows, prepared):
    values = pa.array([1.0 if row % 2 else None for row in range(3600)], pa.float32())
    assert prepared(toy(), with_column(make_rows(), "other", values)).left_out == ()


def test_features_that_all_say_nothing(toy, make_rows, prepared):
    rows = make_rows()
    for name in ("signal", "other"):
        rows = with_column(rows, name, pa.array(np.ones(3600), pa.float32()))
    with pytest.raises(NightshiftError, match="every feature is constant"):
        prepared(toy(), with_column(rows, "kind", pa.array(["a"] * 3600)))
