"""Who may let the next version of a model become champion, and who typed that it does."""

from __future__ import annotations

import os
import pwd
from typing import Literal

from nightshift.champions.reigns import history
from nightshift.errors import NightshiftError
from nightshift.quarantine.decisions import person
from nightshift.use_case import UseCase

Who = Literal["auto", "person"]


def approval_of(use_case: UseCase) -> Who:
    """Who lets the next model become champion: the first of all and later ones may differ."""
    approval = use_case.training.approval
    return approval.later if history(use_case) else approval.first


def typed(use_case: UseCase, who: str, why: str) -> tuple[str, str]:
    """Who promotes by hand and why, as the ledger keeps it: the operating system's user stands beside the reason.

    Raises:
        NightshiftError: if a person must approve the next champion and ``who`` is none of those who may, or one of
            both says nothing.
    """
    who, why = person(who, why)
    people = use_case.training.approval.by
    if approval_of(use_case) == "person" and who not in people:
        raise NightshiftError(
            f"--who {who}: the next champion of {use_case.model_name} is let in by {', '.join(people)} "
            "(`training.approval.by` in use_case.yaml) and by nobody else: ask one of them to decide, in Airflow under "
            "Required actions or by this command"
        )
    return who, f"{why} (typed by {_os_user()})"


def _os_user() -> str:
    """By the number that the process runs under: variables like USER say what one likes."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
