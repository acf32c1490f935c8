"""Whom a version waits for is what its own tag says."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift.errors import NightshiftError
from nightshift.models import champions
from nightshift.models.champions.approvers import SUSPECTS_TAG, refuse_unasked, suspects_tag, tagged_suspects
from tests.registering import register

FIRST = dt.date(2013, 10, 1)


def test_a_version_that_waits_for_a_person_is_let_in_by_those_alone_who_are_named(use_case):
    version = register(use_case, approval="person")
    assert use_case.training.approval.by == ("admin",)
    refuse_unasked(use_case, version, "admin")
    # What the ledger keeps is a name; what is declared are ids.
    refuse_unasked(use_case, version, "Maria M. (admin)", who_id="admin")
    for who, who_id in (("mallory", ""), ("auto", ""), ("admin", "mallory")):
        with pytest.raises(NightshiftError, match=r"is let in by admin .*and by nobody else"):
            refuse_unasked(use_case, version, who, who_id)


def test_a_version_without_the_tag_waits_for_a_person(use_case):
    with pytest.raises(NightshiftError, match="--who auto"):
        refuse_unasked(use_case, register(use_case), "auto")


def test_what_may_go_live_by_itself_still_may_when_later_ones_wait_for_a_person(use_case):
    version = register(use_case, approval="auto")
    refuse_unasked(use_case, version, "auto")
    refuse_unasked(use_case, version, "mallory")
    champions.promote(use_case, version, FIRST, "auto", "training.approval: auto", "train 1")
    assert champions.approval_of(use_case) == "person"
    refuse_unasked(use_case, version, "auto")
    with pytest.raises(NightshiftError, match="--who mallory"):
        refuse_unasked(use_case, version, "mallory")


def test_a_tag_names_the_suspects_or_how_many_where_mlflow_would_cut_it():
    few, many = ["delay", "gate"], [f"feature_{number}" for number in range(1000)]
    assert suspects_tag([]) == ""
    assert tagged_suspects({}) == tagged_suspects({SUSPECTS_TAG: ""}) == []
    assert tagged_suspects({SUSPECTS_TAG: suspects_tag(few)}) == few
    # One entry, so that nothing of it is taken for the name of a feature.
    assert tagged_suspects({SUSPECTS_TAG: suspects_tag(many)}) == ["1000 features in suspects.json"]
