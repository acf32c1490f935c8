"""Who may answer an approval where Airflow's logins are FAB's: the people named, by user name, and nobody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.fab.auth_manager.models import User
from airflow.providers.fab.auth_manager.models.anonymous_user import AnonymousUser

from nightshift_airflow.auth import NightshiftAuthManager


def may(user: Any, *assigned: str) -> bool:
    return NightshiftAuthManager.is_authorized_hitl_task(SimpleNamespace(), assigned_users=set(assigned), user=user)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("assigned", "expected"),
    [
        (("paul", "maria"), True),
        (("paul",), False),
        # As FAB's own manager compares it: the number of another database's user, or another person's name.
        (("4",), False),
        # Names are compared as they are written.
        (("Maria",), False),
    ],
)
def test_a_user_answers_what_is_assigned_to_the_user_name(assigned: tuple[str, ...], expected: bool) -> None:
    assert may(User(id=4, username="maria", email="paul"), *assigned) is expected


def test_a_user_name_that_is_a_number_is_a_name() -> None:
    assert may(User(id=7, username="4"), "4")


def test_without_a_login_nobody_answers() -> None:
    assert not may(AnonymousUser(), "Anonymous", "None", "")
