"""Reasons are the strongest exact Shapley values, in words, and nothing is lost between them and the score."""

from __future__ import annotations

import itertools
import math
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest

from nightshift.models.reason_wording import Wording
from scoring.explain import explain

NAMES = ("age", "income", "visits", "colour")
WORDINGS = {name: Wording(f"{name} {{value}} raises", f"{name} {{value}} lowers", f"no {name}") for name in NAMES}


def batch_of(matrix: np.ndarray, names: tuple[str, ...] = NAMES) -> pa.RecordBatch:
    columns = [pa.array(column, pa.float64()) for column in matrix.T]
    return pa.RecordBatch.from_arrays(columns, list(names))


def explained(contributions: list[list[float]], values: list[list[float]], top: int = 2):
    names = NAMES[: len(values[0])]
    rows = batch_of(np.asarray(values, dtype=float), names)
    return explain(np.asarray(contributions, dtype=float), rows, names, WORDINGS, top)


def expected(node: dict[str, Any], row: np.ndarray, known: frozenset[int]) -> float:
    """What a tree gives on average where only some features of the row are known (Lundberg et al. 2018)."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] not in known:
        weights = [child.get("leaf_count", child.get("internal_count")) for child in (left, right)]
        values = [expected(child, row, known) for child in (left, right)]
        return float(np.average(values, weights=weights))
    value = row[node["split_feature"]]
    if math.isnan(value) and node["missing_type"] == "NaN":
        goes_left = node["default_left"]
    elif node["decision_type"] == "==":
        goes_left = str(int(value)) in node["threshold"].split("||")
    else:
        goes_left = (0.0 if math.isnan(value) else value) <= node["threshold"]
    return expected(left if goes_left else right, row, known)


def shapley(booster: lgb.Booster, row: np.ndarray) -> tuple[list[float], float]:
    """Shapley values of a row by their definition, over all subsets of features; and the base."""
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    features = range(len(row))
    worth = {
        frozenset(some): sum(expected(tree, row, frozenset(some)) for tree in trees)
        for size in range(len(row) + 1)
        for some in itertools.combinations(features, size)
    }
    count = len(row)
    values = [
        sum(
            math.factorial(len(some))
            * math.factorial(count - len(some) - 1)
            / math.factorial(count)
            * (worth[some | {feature}] - worth[some])
            for some in worth
            if feature not in some
        )
        for feature in features
    ]
    return values, worth[frozenset()]


@pytest.fixture(scope="module")
def trained() -> tuple[lgb.Booster, np.ndarray]:
    generator = np.random.default_rng(11)
    matrix = generator.integers(0, 50, (800, 4)).astype(float)
    matrix[:, 3] = generator.integers(0, 6, 800)
    matrix[generator.random((800, 4)) < 0.1] = np.nan
    odds = np.nan_to_num(matrix[:, 0]) / 20 + (np.nan_to_num(matrix[:, 3]) == 2) - np.nan_to_num(matrix[:, 1]) / 30
    event = generator.random(800) < 1 / (1 + np.exp(-odds))
    settings = {"objective": "binary", "num_leaves": 6, "min_data_in_leaf": 10, "verbose": -1, "num_threads": 1}
    data = lgb.Dataset(matrix, event.astype(float), categorical_feature=[3])
    return lgb.train(settings, data, 8), matrix[:25]


def test_contributions_are_the_shapley_values_of_their_definition(trained) -> None:
    booster, matrix = trained
    found = explain(booster.predict(matrix, pred_contrib=True), batch_of(matrix), NAMES, WORDINGS, 4)
    assert np.isnan(matrix).any()
    for row, base, reasons in zip(matrix, found.base, found.reasons.to_pylist(), strict=True):
        values, expected_base = shapley(booster, row)
        assert base == pytest.approx(expected_base, abs=1e-9)
        told = {reason["feature"]: reason["contribution"] for reason in reasons}
        assert [told.get(name, 0.0) for name in NAMES] == pytest.approx(values, abs=1e-9)


def test_base_reasons_and_others_add_up_to_the_raw_score(trained) -> None:
    booster, matrix = trained
    raw = booster.predict(matrix, raw_score=True)
    for top in (1, 2, 4):
        found = explain(booster.predict(matrix, pred_contrib=True), batch_of(matrix), NAMES, WORDINGS, top)
        sums = [sum(reason["contribution"] for reason in reasons) for reasons in found.reasons.to_pylist()]
        assert found.base + np.array(sums) + found.others == pytest.approx(raw, abs=1e-6)
        assert found.total() == pytest.approx(raw, abs=1e-6)


def test_the_strongest_come_first_whatever_their_sign() -> None:
    found = explained([[0.1, -0.7, 0.3, 5.0]], [[1, 2, 3]])
    assert [(each["feature"], each["contribution"]) for each in found.reasons.to_pylist()[0]] == [
        ("income", -0.7),
        ("visits", 0.3),
    ]
    assert found.base.tolist() == [5.0]
    assert found.others.tolist() == [0.1]


def test_of_equal_strength_the_first_feature_comes_first() -> None:
    found = explained([[0.5, -0.5, 0.5, 0.0]], [[1, 2, 3]])
    assert [each["feature"] for each in found.reasons.to_pylist()[0]] == ["age", "income"]


def test_what_contributes_nothing_is_no_reason() -> None:
    found = explained([[0.0, 0.0, 0.0, 1.0], [0.0, 0.2, 0.0, 1.0]], [[1, 2, 3], [4, 5, 6]])
    assert [[each["feature"] for each in reasons] for reasons in found.reasons.to_pylist()] == [[], ["income"]]
    assert found.total().tolist() == [1.0, 1.2]


def test_each_reason_has_its_own_rows_value_and_the_phrase_of_its_direction() -> None:
    found = explained([[0.9, -0.4, 0.0], [0.1, 0.8, 0.0]], [[31, 1000.5], [float("nan"), 7]])
    assert found.reasons.to_pylist() == [
        [
            {"feature": "age", "value": "31", "contribution": 0.9, "phrase": "age 31 raises"},
            {"feature": "income", "value": "1000.5", "contribution": -0.4, "phrase": "income 1,000 lowers"},
        ],
        [
            {"feature": "income", "value": "7", "contribution": 0.8, "phrase": "income 7 raises"},
            {"feature": "age", "value": None, "contribution": 0.1, "phrase": "no age"},
        ],
    ]
