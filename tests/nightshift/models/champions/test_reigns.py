"""Reigns follow from decisions alone; on each batch date the newest decision that speaks of it counts."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools

import pytest

from nightshift.ledger.model_decisions import BLOCKED, DECLINED, PROMOTED, ROLLED_BACK, UNBLOCKED, Decision
from nightshift.models.champions.mlflow_mirror import wanted_tags
from nightshift.models.champions.reigns import blocked, coming, reign_on, reigns_of

NOON = dt.datetime(2013, 10, 1, 12, tzinfo=dt.UTC)


def day(number):
    return dt.date(2013, 10, number)


def made(*rows):
    """Decisions of (action, version, first batch date)."""
    return [
        Decision(number, version, action, first and day(first), "maria", "why", f"run {number}", NOON)
        for number, (action, version, first) in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([(PROMOTED, 1, 3)], [(1, 3, None)]),
        ([(PROMOTED, 1, 1), (PROMOTED, 2, 5)], [(1, 1, 4), (2, 5, None)]),
        # back to 1 in the middle of the reign of 2
        ([(PROMOTED, 1, 1), (PROMOTED, 2, 5), (ROLLED_BACK, 1, 8)], [(1, 1, 4), (2, 5, 7), (1, 8, None)]),
        # back to 1 from before 2 and 3 began: they reigned over no batch date at all
        ([(PROMOTED, 1, 1), (PROMOTED, 2, 5), (PROMOTED, 3, 7), (ROLLED_BACK, 1, 4)], [(1, 1, 3), (1, 4, None)]),
        (
            [(PROMOTED, 1, 1), (PROMOTED, 2, 5), (ROLLED_BACK, 1, 3), (PROMOTED, 3, 9)],
            [(1, 1, 2), (1, 3, 8), (3, 9, None)],
        ),
        # from the same date: the later decision counts
        ([(PROMOTED, 1, 1), (PROMOTED, 2, 1)], [(2, 1, None)]),
        # the champion once more, from earlier on: its reign begins earlier
        ([(PROMOTED, 1, 3), (ROLLED_BACK, 1, 2)], [(1, 2, None)]),
        # what is no promotion moves no reign, blocks included: what was live then, was
        ([(PROMOTED, 1, 1), (DECLINED, 2, None), (BLOCKED, 1, None)], [(1, 1, None)]),
    ],
)
def test_reigns(rows, expected):
    found = reigns_of(made(*rows))
    assert [(each.version, each.first, each.last) for each in found] == [
        (version, day(first), last and day(last)) for version, first, last in expected
    ]


def test_reigns_never_overlap_and_leave_no_gap():
    rows = [(PROMOTED, 1, 9), (PROMOTED, 2, 12), (ROLLED_BACK, 1, 4), (PROMOTED, 3, 20), (ROLLED_BACK, 2, 15)]
    found = reigns_of(made(*rows))
    for before, after in itertools.pairwise(found):
        assert before.last == after.first - dt.timedelta(days=1)
        assert before.to == after.first
    assert (found[-1].version, found[-1].to) == (2, None)
    assert coming(found) == found[-1]
    assert coming([]) is None
    assert [each.version for date in range(4, 25) for each in found if day(date) in each] == [1] * 11 + [2] * 10


def test_a_block_holds_until_it_is_taken_back():
    rows = [(BLOCKED, 1, None), (BLOCKED, 2, None), (UNBLOCKED, 1, None), (BLOCKED, 2, None)]
    found = blocked(made(*rows))
    assert {version: each.number for version, each in found.items()} == {2: 1}
    assert set(blocked(made(*rows, (BLOCKED, 1, None)))) == {1, 2}


def test_tags_say_what_became_of_each_version():
    rows = [(PROMOTED, 1, 1), (PROMOTED, 2, 5), (DECLINED, 3, None), (BLOCKED, 2, None), (PROMOTED, 4, 9)]
    assert wanted_tags(made(*rows)) == {
        1: {"status": "former champion", "champion_from": "2013-10-01", "champion_to": "2013-10-05"},
        2: {"status": "blocked", "champion_from": "2013-10-05", "champion_to": "2013-10-09"},
        3: {"status": "declined", "champion_from": None, "champion_to": None},
        4: {"status": "champion", "champion_from": "2013-10-09", "champion_to": None},
    }


def test_who_was_champion_of_a_date_is_known_of_each_moment():
    rows = made((PROMOTED, 1, 3), (PROMOTED, 2, 5), (ROLLED_BACK, 1, 5), (PROMOTED, 3, 9))
    hours = [NOON + dt.timedelta(hours=each.number) for each in rows]
    rows = [dataclasses.replace(each, decided_at=hour) for each, hour in zip(rows, hours, strict=True)]
    found = [reign_on(rows, day(6), hour) for hour in hours]
    assert [(each.version, each.first, each.last) for each in found] == [
        (1, day(3), None),
        (2, day(5), None),
        (1, day(5), None),
        (1, day(5), day(8)),
    ]
    assert reign_on(rows, day(6)) == found[-1]
    assert reign_on(rows, day(6), NOON - dt.timedelta(seconds=1)) is None
    assert reign_on(rows, day(2)) is None
