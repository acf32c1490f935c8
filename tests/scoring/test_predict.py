"""A row's score depends on its values alone."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from nightshift.encoding import Encoding
from scoring.predict import Recipe, scorer

CARRIED = ("batch_date", "time_hour", "carrier", "flight")
COLUMNS = (*CARRIED, "probability", "decision", "model_name", "model_version")


@pytest.fixture
def score(model):
    dataset, booster = model
    recipe = Recipe(dataset.encoding, 0.5, CARRIED, COLUMNS, "toy", 3)
    text = booster.model_to_string()

    def run(rows: pa.Table, rows_per_batch: int = 10_000) -> pa.Table:
        batches = rows.combine_chunks().to_batches(rows_per_batch)
        return pa.Table.from_batches(scorer(recipe, lambda: text)(iter(batches)))

    return run


@pytest.fixture
def rows(model) -> pa.Table:
    return model[0].test_rows.slice(0, 100)


def test_the_model_tells_rows_apart(score, rows):
    probabilities = score(rows)["probability"]
    assert len(pc.unique(probabilities)) > 20
    assert 0 < pc.min(probabilities).as_py() < pc.max(probabilities).as_py() < 1


def test_columns_are_taken_by_name(score, rows):
    assert score(rows.select(sorted(rows.column_names, reverse=True))).equals(score(rows))


def test_the_same_bits_however_rows_are_batched(score, rows):
    assert score(rows, rows_per_batch=1).equals(score(rows).combine_chunks()) or (
        score(rows, rows_per_batch=1).to_pylist() == score(rows).to_pylist()
    )


def test_an_unseen_category_counts_as_missing(score, rows):
    position = rows.column_names.index("carrier")
    unseen = rows.set_column(position, "carrier", pa.array(["??"] * rows.num_rows))
    missing = rows.set_column(position, "carrier", pa.nulls(rows.num_rows, pa.string()))
    assert score(unseen)["probability"].equals(score(missing)["probability"])


def test_the_decision_begins_at_the_threshold(score, rows):
    for row in score(rows).to_pylist():
        assert row["decision"] == ("warn" if row["probability"] >= 0.5 else "none")


def test_a_row_names_its_model(score, rows):
    assert {(row["model_name"], row["model_version"]) for row in score(rows).to_pylist()} == {("toy", 3)}


def test_an_empty_partition_needs_no_model(model):
    recipe = Recipe(model[0].encoding, 0.5, CARRIED, COLUMNS, "toy", 3)
    assert list(scorer(recipe, lambda: pytest.fail("the model was loaded"))(iter(()))) == []


def test_an_encoding_survives_being_kept(model):
    encoding = model[0].encoding
    assert Encoding.from_dict(encoding.to_dict()) == encoding
