"""Decisions that would change nothing: why, in words for whoever asked."""

from __future__ import annotations

from collections.abc import Sequence

from nightshift.declarations.use_case import UseCase
from nightshift.errors import DecisionError
from nightshift.ledger.model_decisions import BLOCKED, DECLINED, PROMOTED, ROLLED_BACK, UNBLOCKED, Decision


class NothingDecidedError(DecisionError):
    """What was asked for holds already, or something that was decided since does; nothing was written."""


def holds(use_case: UseCase, before: Decision) -> str:
    """Why a decision would change nothing: an earlier one says so already."""
    is_so = "is blocked" if before.action == BLOCKED else f"is champion from {before.first} on"
    return (
        f"nothing was decided: {use_case.model_name} version {before.version} {is_so} already, {_by(before)}. The "
        "ledger keeps that reason, and not the one that was given now"
    )


def superseded(use_case: UseCase, made: Sequence[Decision], before: Decision) -> str | None:
    """Why what a run decided before holds no more; None where it does."""
    crowns, flags, answers = (PROMOTED, ROLLED_BACK), (BLOCKED, UNBLOCKED), (PROMOTED, ROLLED_BACK, DECLINED)
    actions = next(group for group in (crowns, flags, answers) if before.action in group)
    # Whoever is champion now, a version that was declined or blocked is so until something is decided about itself.
    about = [each for each in made if before.action in crowns or each.version == before.version]
    later = [each for each in about if each.number > before.number and each.action in actions]
    if not later:
        return None
    newest = later[-1]
    since = f" from {newest.first} on" if newest.first else ""
    return (
        f"nothing was decided: run {before.run_id} had {before.action} version {before.version}, and since then "
        f"version {newest.version} was {newest.action}{since}, {_by(newest)}. That holds: to change it, start a new run"
    )


def _by(decision: Decision) -> str:
    return f"by {decision.who} on {decision.decided_at:%Y-%m-%d}: {decision.why}"
