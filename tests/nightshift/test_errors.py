"""Errors for people: each kind has a name of its own, and the exit status follows from temporary or final."""

from __future__ import annotations

import pickle

import pytest

from nightshift import errors
from nightshift.errors import NightshiftError, OvertakenError, TemporaryError, kinds


def declared(base: type[NightshiftError] = NightshiftError) -> list[type[NightshiftError]]:
    below = [each for each in base.__subclasses__() if each.__module__ == errors.__name__]
    return [base, *(kind for each in below for kind in declared(each))]


def test_each_kind_has_a_name_of_its_own():
    assert len(declared()) > 10
    assert set(kinds().values()) == set(declared())


@pytest.mark.parametrize("kind", declared())
def test_the_exit_status_is_65_for_what_is_final_and_75_for_what_is_temporary(kind):
    temporary = issubclass(kind, TemporaryError)
    assert kind.temporary is temporary
    assert kind("it is so").exit_status == (75 if temporary else 65)
    assert (kind.retries == 0) is not temporary


def test_the_remedy_stands_below_the_message_and_survives_pickling():
    error = pickle.loads(pickle.dumps(OvertakenError("another run was faster", remedy="run it again")))
    assert (error.message, error.remedy) == ("another run was faster", "run it again")
    assert str(error) == "another run was faster\nNext: run it again"
    assert str(NightshiftError("no remedy known")) == "no remedy known"
