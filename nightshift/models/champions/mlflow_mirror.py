"""What people see of the decisions in MLflow: the alias ``champion``, and tags of the versions.

The ledger is written first. A crash in between leaves a stale alias; the next reader repairs it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.ledger.model_decisions import (
    DECLINED,
    PROMOTED,
    ROLLED_BACK,
    Decision,
    decisions,
    taking_turns,
)
from nightshift.models.champions.card_decisions import refresh
from nightshift.models.champions.reigns import blocked, coming, reigns_of
from nightshift.models.mlflow_connection import client, model_versions, patiently

log = logging.getLogger("nightshift")

ALIAS = "champion"
STATUS, FROM, TO = "status", "champion_from", "champion_to"
# Values of the tag `status`; the first two are those of versions about which nothing was decided yet.
AWAITING_APPROVAL = "awaiting approval"
CANDIDATE = "champion candidate"
CHAMPION_STATUS = "champion"
FORMER = "former champion"
IS_BLOCKED = "blocked"
IS_DECLINED = "declined"


@dataclass(frozen=True)
class _Difference:
    """What the registry says otherwise than the ledger: a tag of a version, or the alias; None where there is none."""

    version: int | None
    tag: str | None
    value: str | None


def repair(use_case: UseCase) -> None:
    """Make alias and tags say what the ledger says; one look at the registry where they do.

    A registry that does not answer, or lets only others write, is no reason to score with another model or with
    none: then a warning says so, and the next call repairs it.
    """
    from mlflow.exceptions import MlflowException

    try:
        if _differences(use_case, decisions(use_case)):
            with taking_turns(use_case):
                mirror(use_case)
    except (MlflowException, NightshiftError) as error:
        log.warning("the alias and tags of %s in MLflow may be old: %s", use_case.model_name, error)


def mirror(use_case: UseCase) -> None:
    """Write alias, tags and cards; call it while `taking_turns`, so that no older decision is written over a newer one.

    Raises:
        NightshiftError: if MLflow does not answer.
    """
    made = decisions(use_case)
    differences = _differences(use_case, made)
    # First: whoever is killed before the tags comes here again.
    for version in sorted({each.version for each in differences if each.version is not None}):
        refresh(use_case, version, made)
    for each in differences:
        _write(use_case, each)
        log.info("MLflow: %s %s, %s: %s", use_case.model_name, each.version, each.tag or ALIAS, each.value or "none")


def wanted_tags(made: Sequence[Decision]) -> dict[int, dict[str, str | None]]:
    """The tags of each version that something was decided about; None where it is to have no such tag.

    A version that reigned several times carries the dates of its last reign, from the first that it reigns on to the
    first that it reigns on no more; `nightshift models history` has all.
    """
    reigns = reigns_of(made)
    last_reign = {reign.version: reign for reign in reigns}
    is_blocked = blocked(made)
    tags: dict[int, dict[str, str | None]] = {}
    for version in {each.version for each in made}:
        reign = last_reign.get(version)
        status = CHAMPION_STATUS if reign and reign.last is None else _past_status(version, made)
        tags[version] = {
            STATUS: IS_BLOCKED if version in is_blocked else status,
            FROM: str(reign.first) if reign else None,
            TO: str(reign.to) if reign and reign.to else None,
        }
    return tags


def _past_status(version: int, made: Sequence[Decision]) -> str:
    actions = {each.action for each in made if each.version == version}
    if actions & {PROMOTED, ROLLED_BACK}:
        return FORMER
    return IS_DECLINED if DECLINED in actions else CANDIDATE


def _differences(use_case: UseCase, made: Sequence[Decision]) -> list[_Difference]:
    """Versions that are gone from the registry are passed over: their decisions stay in the ledger."""
    if not made:
        return []
    there = model_versions(use_case)
    found = [
        _Difference(version, tag, value)
        for version, tags in sorted(wanted_tags(made).items())
        if version in there
        for tag, value in tags.items()
        if there[version].tags.get(tag) != value
    ]
    live = coming(reigns_of(made))
    # A champion that was blocked has no alias: who goes by it finds no model, as the nights do.
    usable = live.version if live and live.version in there and live.version not in blocked(made) else None
    wanted = None if usable is None else str(usable)
    if there and _alias(use_case) != wanted:
        # Last: who reads it sees the tags of the same decision.
        found.append(_Difference(usable, None, wanted))
    return found


def _alias(use_case: UseCase) -> str | None:
    """The version that carries the alias now."""
    name = use_case.model_name
    aliases = patiently(
        "reading the alias of the champion", lambda: client(use_case.home).get_registered_model(name).aliases
    )
    found = aliases.get(ALIAS)
    return None if found is None else str(found)


def _write(use_case: UseCase, each: _Difference) -> None:
    asked, name = client(use_case.home), use_case.model_name

    def step() -> None:
        if each.tag is None:
            if each.value is None:
                asked.delete_registered_model_alias(name, ALIAS)
            else:
                asked.set_registered_model_alias(name, ALIAS, each.value)
        elif each.value is None:
            asked.delete_model_version_tag(name, str(each.version), each.tag)
        else:
            asked.set_model_version_tag(name, str(each.version), each.tag, each.value)

    patiently(f"writing {each.tag or ALIAS} of {name}", step)
