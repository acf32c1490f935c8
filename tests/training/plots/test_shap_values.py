"""What the pictures of contributions rest on."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.training.challenged import challenged
from training.fitting.fit import raw_scores
from training.plots import shap_values as module
from training.plots.explanation_plots import _ranks, _swarm
from training.plots.shap_values import contributions


def test_contributions_and_one_base_value_are_the_raw_score(toy, prepared):
    job = toy()
    dataset = prepared(job)
    model = challenged(job, dataset).model
    explained = contributions(model, dataset.test, seed=1)
    assert explained.values.shape == (len(dataset.test), 3)
    base = raw_scores(model.booster, explained.matrix) - explained.values.sum(axis=1)
    assert np.ptp(base) < 1e-6
    assert explained.features[explained.strongest(1)[0]] == "signal"


def test_the_sample_is_bounded_and_drawn_by_weight(toy, prepared, monkeypatch):
    monkeypatch.setattr(module, "EXPLAINED_ROWS", 200)
    job = toy()
    dataset = prepared(job)
    model = challenged(job, dataset).model
    signal = dataset.test.matrix[:, 0]
    heavy = dataclasses.replace(dataset.test, weights=np.where(signal > 0, 1.0, 0.0))
    drawn = contributions(model, heavy, seed=1)
    assert len(drawn.matrix) == 200
    assert (drawn.matrix[:, 0] > 0).all()
    assert len(np.unique(drawn.matrix, axis=0)) == 200


def test_equal_values_are_spread_to_both_sides_and_never_far():
    aside = _swarm(np.array([1.0] * 101 + [5.0]))
    assert len(set(aside[:101])) == 101
    assert (aside.min(), aside.max()) == (-0.4, 0.4)
    assert aside[101] == 0
    # A handful of rows is no crowd.
    assert np.abs(_swarm(np.array([1.0, 1.0, 1.0]))).max() < 0.1


def test_ranks_go_from_nothing_to_one_and_leave_missing_values_out():
    ranks = _ranks(np.array([5, np.nan, 1, 5, 3], dtype=np.float32))
    assert ranks[[0, 2, 3]].tolist() == [1.0, 0.0, 1.0]
    assert np.isnan(ranks[1])
    assert 0 < ranks[4] < 1
    assert _ranks(np.array([2, 2], dtype=np.float32)).tolist() == [0.5, 0.5]
