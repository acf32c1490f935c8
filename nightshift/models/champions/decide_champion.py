"""Deciding about versions of a model: promote, roll back, block, decline.

Each decision is checked and kept while nobody else decides, so that two promotions at once come one after the other.
None becomes champion that does not exist, is not complete, is blocked, or cannot score the features of now. Beside
what is typed by hand stands the operating system's user.

A decision is kept, or `unchanged.NothingDecidedError` says why it would change nothing: then neither the date nor the
reason that a person gave is in the ledger, and whoever asked must hear so.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Collection, Sequence

from nightshift.declarations.use_case import UseCase
from nightshift.errors import DecisionError, UsageError
from nightshift.ledger.model_decisions import (
    BLOCKED,
    BY_HAND,
    DECLINED,
    PROMOTED,
    ROLLED_BACK,
    UNBLOCKED,
    ChampionAction,
    Decision,
    add,
    decisions,
    taking_turns,
)
from nightshift.models.champions.approvers import AUTO, refuse_uncleared, signed, tagged_suspects
from nightshift.models.champions.compared_before import COMPARED_TAG, refuse_never_compared
from nightshift.models.champions.decisions_without_effect import NothingDecidedError, holds, superseded
from nightshift.models.champions.mlflow_mirror import repair
from nightshift.models.champions.reigns import blocked, coming, reigns_of
from nightshift.models.mlflow_connection import model_version
from nightshift.models.model_version import load
from nightshift.models.usable_version import refuse_unusable
from nightshift.person import person

log = logging.getLogger("nightshift")

# The first batch date of a reign, or what finds it when nobody else decides any more.
First = dt.date | Callable[[], dt.date]


def promote(
    use_case: UseCase,
    version: int,
    first: First,
    who: str,
    why: str,
    run_id: str,
    decided_at: dt.datetime | None = None,
    *,
    cleared: Collection[str] = (),
) -> Decision:
    """Make a version champion from a batch date on.

    A run that promotes once more, after a kill or because it was cleared, decides nothing again and only sees to it
    that MLflow says what the ledger says.

    Args:
        use_case: whose model it is.
        version: that becomes champion.
        first: its first batch date; what depends on what is scored by then is given as a function, which is called
            while nobody else decides.
        who: a person, or ``auto``.
        why: in words.
        run_id: that decides.
        decided_at: unset: now.
        cleared: suspected features that the person names as looked at; by hand, each must be. A form shows them.

    Raises:
        NothingDecidedError: if it is champion of these dates already, or somebody decided otherwise since this run did.
        NeverComparedError: if the version was judged beside another champion than that of now, and no person types
            that it becomes champion all the same.
        NightshiftError: if the version does not exist, is not complete, is blocked or cannot score what is declared
            now, `who` or `why` say nothing, or a suspected feature is not cleared.
    """
    return _crown(use_case, version, PROMOTED, first, who, why, run_id, decided_at, cleared=cleared)


def roll_back(
    use_case: UseCase, version: int, first: dt.date, who: str, why: str, run_id: str, *, blocks_live: bool = False
) -> Decision:
    """Put a version back from a batch date on, past or future; like :func:`promote` in all else.

    Args:
        blocks_live: block the champion of the coming dates in the same transaction: both is kept, or nothing.

    Raises:
        NightshiftError: as :func:`promote` does, if the version never was champion, and if it is the one to block.
    """
    _refuse_newcomer(use_case, decisions(use_case), version)
    return _crown(use_case, version, ROLLED_BACK, first, who, why, run_id, blocks_live=blocks_live)


def block(use_case: UseCase, version: int, who: str, why: str, run_id: str) -> Decision:
    """Refuse a version from now on: it scores nothing more and cannot be promoted. What it scored stays.

    Raises:
        NothingDecidedError: if it is blocked already, or was unblocked since this run blocked it.
        NightshiftError: if there is no such version.
    """
    return _flag(use_case, version, BLOCKED, who, why, run_id)


def unblock(use_case: UseCase, version: int, who: str, why: str, run_id: str) -> Decision:
    """Take a block back.

    Raises:
        NightshiftError: if the version is not blocked.
    """
    return _flag(use_case, version, UNBLOCKED, who, why, run_id)


def decline(
    use_case: UseCase, version: int, who: str, why: str, run_id: str, decided_at: dt.datetime | None = None
) -> Decision:
    """Keep that a version was not let become champion; the champion stays, and a person may promote it later.

    Raises:
        NothingDecidedError: if somebody let the version in since this run declined it.
        NightshiftError: if there is no such version, or it is the champion: that is taken back by a rollback.
    """
    who, why = _said(who, why, run_id)
    model_version(use_case, version)
    with taking_turns(use_case):
        made = decisions(use_case)
        before, reign = _same(made, version, DECLINED, run_id), coming(reigns_of(made))
        # Somebody else may have let in what this run declined before: then it only says so.
        if reign is not None and reign.version == version and (before is None or reign.run_id == run_id):
            raise DecisionError(
                f"{use_case.model_name} version {version} cannot be declined any more, it is champion since "
                f"{reign.decided_at:%Y-%m-%d}, {reign.dates}, by {reign.who}: put another one back with `nightshift "
                f"models rollback <version> --use-case {use_case.name} --from {reign.first} --who … --why …`"
            )
        nothing = None if before is None else superseded(use_case, made, before)
        if before is None:
            before = add(use_case, version, DECLINED, who=who, why=why, run_id=run_id, decided_at=decided_at)
    repair(use_case)
    return _kept(before, nothing)


def refuse_blocked(made: Sequence[Decision], use_case: UseCase, version: int, what: str) -> None:
    """Raise if a version is blocked; ``what`` is the verb of what it is wanted for, like ``score with``."""
    if (by := blocked(made).get(version)) is not None:
        raise DecisionError(
            f"{use_case.model_name} version {version} is blocked and nobody may {what} it: {by.who} on "
            f"{by.decided_at:%Y-%m-%d} said {by.why!r}. Take another version, or, if that is settled: `nightshift "
            f"models unblock {version} --use-case {use_case.name} --who … --why …`"
        )


def _refuse_newcomer(use_case: UseCase, made: Sequence[Decision], version: int) -> None:
    if version not in {each.version for each in made if each.action in (PROMOTED, ROLLED_BACK)}:
        raise UsageError(
            f"{use_case.model_name} version {version} never was champion, so there is no way back to it: see those "
            f"that were with `nightshift models history --use-case {use_case.name}`, or promote it: `nightshift models "
            f"promote {version} --use-case {use_case.name} --who … --why …`"
        )


def _crown(
    use_case: UseCase,
    version: int,
    action: ChampionAction,
    first: First,
    who: str,
    why: str,
    run_id: str,
    decided_at: dt.datetime | None = None,
    *,
    blocks_live: bool = False,
    cleared: Collection[str] = (),
) -> Decision:
    given = why
    who, why = _said(who, why, run_id)
    # Before the lock: it may take a download.
    model = load(use_case, version)
    with taking_turns(use_case):
        made = decisions(use_case)
        if (before := _same(made, version, action, run_id)) is not None:
            nothing = superseded(use_case, made, before)
        else:
            refuse_blocked(made, use_case, version, "promote")
            refuse_unusable(model, use_case)
            begin = first() if callable(first) else first
            out = _to_block(use_case, made, version) if blocks_live else None
            before = _already(made, version, begin)
            nothing = None if before is None else holds(use_case, before)
        if before is None:
            if action == PROMOTED:
                by_hand = run_id == BY_HAND and who != AUTO
                refuse_never_compared(use_case, made, version, model.tags.get(COMPARED_TAG), by_hand=by_hand)
                suspected = tagged_suspects(model.tags)
                # The form of a run has shown each of them, with its figures, to the person who answered.
                seen = cleared if by_hand or who == AUTO else suspected
                date = "" if callable(first) else str(first)
                refuse_uncleared(use_case, version, suspected, seen, who, given.strip(), date)
                if suspected:
                    why = f"{why} (asked about {', '.join(suspected)})"
            said = {"who": who, "why": why, "run_id": run_id}
            before = add(use_case, version, action, first=begin, decided_at=decided_at, blocks=out, **said)
            log.info("%s version %d is champion from %s on", use_case.model_name, version, begin)
            if out is not None:
                log.info("%s version %d is blocked", use_case.model_name, out)
    repair(use_case)
    return _kept(before, nothing)


def _to_block(use_case: UseCase, made: Sequence[Decision], version: int) -> int | None:
    """The champion of the coming dates, which ``version`` replaces; None where it is blocked already."""
    reign = coming(reigns_of(made))
    if reign is not None and reign.version == version:
        raise UsageError(
            f"{use_case.model_name} version {version} is live and cannot replace itself: to block it, give as version "
            f"the one that takes its place; `nightshift models history --use-case {use_case.name}` shows those that "
            "were champion. Nothing was decided, and nothing is blocked"
        )
    return None if reign is None or reign.version in blocked(made) else reign.version


def _flag(use_case: UseCase, version: int, action: ChampionAction, who: str, why: str, run_id: str) -> Decision:
    who, why = _said(who, why, run_id)
    if version not in {each.version for each in decisions(use_case)}:
        # One that was decided about may be gone from the registry, and is blocked all the same.
        model_version(use_case, version)
    with taking_turns(use_case):
        made = decisions(use_case)
        is_blocked = blocked(made)
        nothing = None
        if (before := _same(made, version, action, run_id)) is not None:
            nothing = superseded(use_case, made, before)
        elif action == BLOCKED and (before := is_blocked.get(version)) is not None:
            nothing = holds(use_case, before)
        elif action == UNBLOCKED and version not in is_blocked:
            raise UsageError(f"{use_case.model_name} version {version} is not blocked")
        if before is None:
            before = add(use_case, version, action, who=who, why=why, run_id=run_id)
    repair(use_case)
    return _kept(before, nothing)


def _same(made: Sequence[Decision], version: int, action: ChampionAction, run_id: str) -> Decision | None:
    """What this very run has decided before."""
    if run_id == BY_HAND:
        return None
    return next((e for e in made if (e.version, e.action, e.run_id) == (version, action, run_id)), None)


def _already(made: Sequence[Decision], version: int, first: dt.date) -> Decision | None:
    """The decision by which all batch dates from ``first`` on have this champion."""
    reign = coming(reigns_of(made))
    if reign is None or reign.version != version or reign.first > first:
        return None
    # The same run may have blocked or declined it, too.
    return next(
        each
        for each in reversed(made)
        if (each.run_id, each.version) == (reign.run_id, version) and each.action in (PROMOTED, ROLLED_BACK)
    )


def _said(who: str, why: str, run_id: str) -> tuple[str, str]:
    """Who decides and why, as the ledger keeps it."""
    who, why = person(who, why)
    return who, signed(why) if run_id == BY_HAND else why


def _kept(decision: Decision, nothing: str | None) -> Decision:
    if nothing is not None:
        raise NothingDecidedError(nothing)
    return decision
