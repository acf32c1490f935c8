"""What the forms take."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import ParamValidationError

from nightshift.person import WHY_LENGTH
from nightshift_airflow import params


@pytest.mark.parametrize("wanted", ["as_of", "champion", "3", "version=3", "999999999"])
def test_a_model_is_named_as_the_job_takes_it(wanted: str) -> None:
    assert params.model().resolve(wanted) == wanted


@pytest.mark.parametrize(
    "wanted", ["", "0", "v3", "3 --x", "version=", "version=0", "version=as_of", "version=version=3"]
)
def test_what_names_no_model_is_refused_by_the_form(wanted: str) -> None:
    with pytest.raises(ParamValidationError):
        params.model().resolve(wanted)


def test_a_reason_may_be_as_long_as_the_ledger_keeps_it() -> None:
    assert params.why("").resolve("w" * WHY_LENGTH)
    with pytest.raises(ParamValidationError):
        params.why("").resolve("w" * (WHY_LENGTH + 1))
