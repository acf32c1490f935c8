"""The same data and seed give the same bytes."""

import datetime as dt

import pytest

from nightshift.dates import BatchDates
from training.dataset import prepare
from training.split import Periods
from training.train import develop

PERIODS = Periods.at_end(BatchDates(dt.date(2024, 1, 1), dt.date(2024, 1, 30)), 8, 8)


@pytest.fixture
def features(toy):
    return toy().catalog["gold.features"]


def model_text(rows, features, seed=1):
    _, booster = develop(prepare(rows, features, PERIODS), trials=3, seed=seed, study="test")
    return booster.model_to_string()


def test_equal_data_and_seed_give_a_byte_equal_model(features, make_rows):
    rows = make_rows()
    assert model_text(rows, features) == model_text(rows.take(list(range(rows.num_rows))[::-1]), features)


def test_another_seed_or_other_data_give_another_model(features, make_rows):
    text = model_text(make_rows(), features)
    assert model_text(make_rows(), features, seed=2) != text
    assert model_text(make_rows(seed=9), features) != text
