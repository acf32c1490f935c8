"""Decisions on a model card that was written before them."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift.errors import NightshiftError
from nightshift.models.champions import Decision, Reign
from nightshift.models.champions.card_decisions import BEGIN, END, with_decisions

CARD = f"before\n{BEGIN}\nold\n{END}\nafter\n"
NOW = dt.datetime(2013, 10, 1, 3, 4, tzinfo=dt.UTC)


def decision(why="fine", action="promoted"):
    return Decision(1, 2, action, dt.date(2013, 10, 2), "maria", why, "run 1", NOW)


@pytest.mark.parametrize("as_html", [True, False])
def test_they_take_the_place_that_was_kept_for_them(as_html):
    reign = Reign(2, dt.date(2013, 10, 2), dt.date(2013, 10, 4), "maria", "fine", "run 1", NOW, "promoted")
    card = with_decisions(CARD, [decision()], [reign], as_html=as_html)
    assert card.startswith("before\n")
    assert card.endswith("\nafter\n")
    assert "old" not in card
    for words in ("2013-10-01 03:04 UTC", "promoted", "maria", "fine", "2013-10-02..2013-10-04"):
        assert words in card
    assert with_decisions(card, [decision()], [reign], as_html=as_html) == card


def test_a_version_that_was_only_blocked_is_champion_of_nothing():
    card = with_decisions(CARD, [decision(action="blocked")], [], as_html=False)
    assert "Champion of no batch date" in card
    assert "blocked" in card


@pytest.mark.parametrize("as_html", [True, False])
def test_reasons_are_text_and_cannot_end_the_place(as_html):
    hostile = f"| x |\n\n{END}<script>"
    card = with_decisions(CARD, [decision(hostile)], [], as_html=as_html)
    assert "<script>" not in card
    assert card.count(END) == 1
    again = with_decisions(card, [decision("other")], [], as_html=as_html)
    assert "script" not in again


def test_a_card_without_the_place_is_refused():
    with pytest.raises(NightshiftError, match="no place for decisions"):
        with_decisions("no card", [], [], as_html=True)
