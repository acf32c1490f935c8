"""A row's score depends on its values alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import PARTITION
from nightshift.errors import NightshiftError
from nightshift.models.encoding import Encoding
from scoring.predict_and_decide import Recipe, scorer
from tests.scoring.conftest import DAY, fitted, made_up, score_rows, use_case_of
from training.fitting.fitted_model import FittedModel


@pytest.fixture
def model(catalog: Catalog) -> FittedModel:
    return fitted(catalog)


@pytest.fixture
def rows(catalog: Catalog) -> pa.Table:
    return made_up(catalog["gold.features"], BatchDates.of(DAY), 100)


def regression(text: str) -> str:
    """The use case with a number to predict."""
    without_costs, _, rest = text.partition("  costs:")
    after = rest.split("\n\n", 1)[1]
    return without_costs.replace("\ntarget:", "\ntask: regression\ntarget:") + "\n" + after


def test_the_model_tells_rows_apart(catalog: Catalog, model: FittedModel, rows: pa.Table) -> None:
    probabilities = score_rows(catalog, model, rows)["probability"]
    assert len(pc.unique(probabilities)) > 20
    assert 0 < pc.min(probabilities).as_py() < pc.max(probabilities).as_py() < 1


def test_scores_have_the_declared_columns(catalog: Catalog, model: FittedModel, rows: pa.Table) -> None:
    assert score_rows(catalog, model, rows).column_names == catalog["gold.scores"].column_names


def test_a_probability_is_the_calibrated_raw_score(catalog: Catalog, model: FittedModel, rows: pa.Table) -> None:
    scores = score_rows(catalog, model, rows)
    raw = np.asarray(scores["raw_score"])
    assert raw == pytest.approx(model.booster.predict(model.encoding.matrix(rows), raw_score=True), abs=0)
    # Platt's sigmoid with the slope and intercept of the fixture.
    assert np.asarray(scores["probability"]) == pytest.approx(1 / (1 + np.exp(-(1.1 * raw - 0.2))), abs=1e-12)


def test_columns_are_taken_by_name(catalog: Catalog, model: FittedModel, rows: pa.Table) -> None:
    turned = rows.select(sorted(rows.column_names, reverse=True))
    assert score_rows(catalog, model, turned).equals(score_rows(catalog, model, rows))


@pytest.mark.parametrize("rows_per_batch", [1, 7])
def test_the_same_bits_however_rows_are_batched(
    catalog: Catalog, model: FittedModel, rows: pa.Table, rows_per_batch: int
) -> None:
    several, one = score_rows(catalog, model, rows, rows_per_batch), score_rows(catalog, model, rows)
    assert several.combine_chunks().equals(one.combine_chunks())
    # `equals` takes -0.0 for 0.0.
    for name in ("raw_score", "probability", "base_contribution", "other_contribution"):
        assert np.asarray(several[name]).tobytes() == np.asarray(one[name]).tobytes()


def test_an_unseen_category_counts_as_missing(catalog: Catalog, model: FittedModel, rows: pa.Table) -> None:
    position = rows.column_names.index("carrier")
    unseen = rows.set_column(position, "carrier", pa.array(["??"] * rows.num_rows))
    missing = rows.set_column(position, "carrier", pa.nulls(rows.num_rows, pa.string()))
    assert score_rows(catalog, model, unseen)["probability"].equals(score_rows(catalog, model, missing)["probability"])


def test_the_decision_begins_at_the_threshold(catalog: Catalog, model: FittedModel, rows: pa.Table) -> None:
    reached = score_rows(catalog, model, rows)["probability"][0].as_py()
    exactly = dataclasses.replace(model, threshold=reached)
    scored = score_rows(catalog, exactly, rows).to_pylist()
    assert scored[0]["decision"] == "warn"
    for row in scored:
        assert row["decision"] == ("warn" if row["probability"] >= reached else "none")
        assert row["threshold"] == reached


def test_a_row_names_what_it_was_made_from(catalog: Catalog, model: FittedModel, rows: pa.Table) -> None:
    scores = score_rows(catalog, model, rows)
    made_from = {(row["model_name"], row["model_version"], row["feature_version"]) for row in scores.to_pylist()}
    assert made_from == {("toy", 3, 7)}


def test_every_row_has_the_declared_number_of_reasons(catalog: Catalog, model: FittedModel, rows: pa.Table) -> None:
    reasons = score_rows(catalog, model, rows)["reasons"].to_pylist()
    assert {len(each) for each in reasons} == {catalog.use_case.reasons.top} == {3}
    assert all(reason["phrase"] and "{" not in reason["phrase"] for each in reasons for reason in each)


def test_contributions_that_do_not_add_up_end_the_scoring(
    catalog: Catalog, model: FittedModel, rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = type(model.booster).predict

    def wrong(booster, matrix, *, pred_contrib=False, **more):
        return predict(booster, matrix, pred_contrib=pred_contrib, **more) + (0.001 if pred_contrib else 0)

    monkeypatch.setattr(type(model.booster), "predict", wrong)
    with pytest.raises(NightshiftError, match="the contributions of 100 of 100 rows do not add up"):
        score_rows(catalog, model, rows)


def test_a_regression_has_a_value_within_its_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = use_case_of(tmp_path, monkeypatch, regression)
    model = fitted(catalog)
    rows = made_up(catalog["gold.features"], BatchDates.of(DAY), 50)
    scores = score_rows(catalog, model, rows).to_pylist()
    assert "probability" not in scores[0]
    for row in scores:
        assert row["value"] == row["raw_score"]
        # The bounds of the fixture's interval.
        assert (row["lower"], row["upper"]) == (row["value"] - 2.5, row["value"] + 4.0)
        told = row["base_contribution"] + sum(each["contribution"] for each in row["reasons"])
        assert told + row["other_contribution"] == pytest.approx(row["value"], abs=1e-6)


def test_an_empty_partition_needs_no_model(catalog: Catalog, model: FittedModel) -> None:
    recipe = Recipe(PARTITION, "toy", 3, model.encoding, model.calibration, 0.5, None, {}, 3, {}, (), ())
    assert list(scorer(recipe, lambda: pytest.fail("the model was loaded"))(iter(()))) == []


def test_an_encoding_survives_being_kept(model: FittedModel) -> None:
    assert Encoding.from_dict(model.encoding.to_dict()) == model.encoding
