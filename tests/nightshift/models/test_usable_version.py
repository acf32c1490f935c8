"""A model that does not fit what is declared now is named, with what it lacks."""

from __future__ import annotations

import dataclasses

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.models.calibrated_predictions import Calibration
from nightshift.models.encoding import Encoding
from nightshift.models.model_version import RegisteredModel
from nightshift.models.usable_version import check_features, refuse_unusable

INPUTS = ("distance", "carrier")
MODEL = RegisteredModel(
    "flight_delays", 3, "run3", "tree\n", Encoding(INPUTS, {"carrier": ("AA", "UA")}), INPUTS, "binary",
    Calibration("none"), threshold=0.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def use_case() -> UseCase:
    return UseCase.load("flight_delays", get_settings())


@pytest.fixture(scope="module")
def features(use_case: UseCase) -> Table:
    return Catalog(use_case)["gold.features"]


def declared_otherwise(features: Table, name: str, **changes: object) -> Table:
    columns = [each.model_copy(update=changes) if each.name == name else each for each in features.columns]
    return features.model_copy(update={"columns": tuple(columns)})


def test_one_that_fits_is_let_through(use_case: UseCase) -> None:
    refuse_unusable(MODEL, use_case)


def test_one_of_another_task_is_refused(use_case: UseCase) -> None:
    with pytest.raises(NightshiftError, match=r"version 3 was trained when .* was regression, and now it is binary"):
        refuse_unusable(dataclasses.replace(MODEL, task="regression"), use_case)


def test_one_that_needs_what_is_no_feature_any_more_is_refused(use_case: UseCase, features: Table) -> None:
    with pytest.raises(NightshiftError, match=r"version 3 needs distance, and .* declares no such"):
        check_features(MODEL, declared_otherwise(features, "distance", role=None))
    unknown = dataclasses.replace(MODEL, signature=(*INPUTS, "moon_phase"))
    with pytest.raises(NightshiftError, match="version 3 needs moon_phase"):
        refuse_unusable(unknown, use_case)


def test_one_whose_category_is_a_quantity_by_now_is_refused(features: Table) -> None:
    with pytest.raises(NightshiftError, match="`categorical` of carrier was declared otherwise"):
        check_features(MODEL, declared_otherwise(features, "carrier", categorical=False))
