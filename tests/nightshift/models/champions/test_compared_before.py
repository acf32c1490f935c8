"""Measures say nothing about a champion that they were not taken beside."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.ledger.model_decisions import Decision
from nightshift.models.champions.compared_before import never_compared

NOW = dt.datetime(2013, 10, 1, tzinfo=dt.UTC)


def decided(version, action="promoted", day=1):
    first = dt.date(2013, 10, day) if action in ("promoted", "rolled back") else None
    return Decision(day, version, action, first, "maria", "fine", f"run {day}", NOW)


@pytest.mark.parametrize(
    ("made", "compared", "said"),
    [
        ([], "none", None),
        ([decided(1)], "1", None),
        # It is champion itself.
        ([decided(1), decided(3, day=2)], "1", None),
        ([decided(1), decided(1, "blocked", day=2)], "none", None),
        # Registered before it was noted.
        ([decided(1)], None, None),
        ([decided(1)], "none", "was judged beside no champion, and version 1 is champion by now"),
        ([decided(1), decided(2, day=2)], "1", "was judged beside version 1, and version 2 is champion by now"),
        ([decided(1), decided(2, day=2), decided(1, "rolled back", day=3)], "2", "beside version 2, and version 1 is"),
        (
            [decided(1), decided(1, "blocked", day=2), decided(1, "unblocked", day=3)],
            "none",
            "was judged beside no champion, and version 1 is champion by now",
        ),
    ],
)
def test_it_is_known_whether_a_version_was_compared_with_the_champion_of_now(made, compared, said):
    found = never_compared(UseCase.load("flight_delays", get_settings()), made, 3, compared)
    assert (found is None) if said is None else (said in found)
