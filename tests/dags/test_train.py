"""The form of the training DAG says what it takes where a field is left empty."""

from __future__ import annotations

import runpy

import pytest

from nightshift.settings import PROJECT_DIR
from nightshift.use_case import UseCase


@pytest.mark.parametrize(("maturity_days", "says"), [(1, "1 day before the run's"), (30, "30 days before the run's")])
def test_the_last_date_is_the_newest_whose_labels_have_come(maturity_days: int, says: str) -> None:
    train = runpy.run_path(str(PROJECT_DIR / "dags/train.py"))["train"]
    declared = UseCase.load("flight_delays")
    target = declared.target.model_copy(update={"maturity_days": maturity_days})
    form = train(declared.model_copy(update={"target": target})).params
    assert says in form.get_param("last_date").schema["description_md"]
