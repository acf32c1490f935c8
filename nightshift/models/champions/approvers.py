"""Who may let the next version of a model become champion, and who typed what was decided."""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal

from nightshift.declarations.use_case import UseCase
from nightshift.errors import DecisionError, UsageError
from nightshift.models.champions.reigns import history
from nightshift.models.mlflow_connection import model_version
from nightshift.person import person

Who = Literal["auto", "person"]
# Tag of a version: who lets it become champion, as it was when it was registered.
APPROVAL_TAG = "approval"
# Tag of a version: the features that may know the outcome, separated by commas; none where nothing is suspected.
SUSPECTS_TAG = "leak_suspects"
# MLflow cuts a run's tag after 8000 characters; suspects.json of the run has all names.
LONGEST_TAG = 8000
_BETWEEN: Final = ", "
AUTO: Final = "auto"
PERSON: Final = "person"


def suspects_tag(features: Sequence[str]) -> str:
    """What `SUSPECTS_TAG` says of these features: their names, or how many they are where these are too long."""
    names = _BETWEEN.join(features)
    return names if len(names) <= LONGEST_TAG else f"{len(features)} features in suspects.json"


def tagged_suspects(tags: Mapping[str, str]) -> list[str]:
    """The suspects that a version's tags name; where their names are too long, one entry with their count."""
    return [each for each in tags.get(SUSPECTS_TAG, "").split(_BETWEEN) if each]


def cleared_options(features: Iterable[str]) -> str:
    """The options by which a person says to have looked at these features, each after a blank."""
    return "".join(f" --cleared {shlex.quote(feature)}" for feature in features)


def approval_of(use_case: UseCase) -> Who:
    """Who lets the next model become champion: the first of all and later ones may differ."""
    approval = use_case.training.approval
    return approval.later if history(use_case) else approval.first


def who_and_why(use_case: UseCase, version: int, who: str, why: str) -> tuple[str, str]:
    """Who promotes by hand, and why, without blanks around.

    Raises:
        NightshiftError: if a person must approve this version, or the next champion, and ``who`` is none of those who
            may, or one of both says nothing.
    """
    who, why = person(who, why)
    if approval_of(use_case) == PERSON:
        # The rule types nothing, so `auto` is refused as well.
        _refuse_others(use_case, who)
    refuse_unasked(use_case, version, who)
    return who, why


def refuse_unasked(use_case: UseCase, version: int, who: str, who_id: str = "") -> None:
    """Raise if a version waits for a person, and whoever let it in is none of those who may.

    What counts is the version's own tag, as its champion may be the one that changes the answer of `approval_of`; a
    version that has none waits for a person. Only the rule itself may call itself `auto`: whoever gives another name
    is checked against the answer of now as well. This guards against mistakes: whoever has a shell can type any name.

    Args:
        use_case: whose model it is.
        version: that is to become champion.
        who: as the ledger will keep it.
        who_id: what `training.approval.by` calls the same person, where the ledger keeps another name.

    Raises:
        NightshiftError: if it is somebody else, nobody is named and a feature may know the outcome, there is no such
            version, or MLflow does not answer.
    """
    tags = model_version(use_case, version).tags
    if (suspected := tags.get(SUSPECTS_TAG)) and not use_case.training.approval.by:
        raise DecisionError(
            f"{use_case.model_name} version {version} may know the outcome by {suspected}, and only a person who is "
            "named may let it in: `training.approval.by` in use_case.yaml names nobody. Nothing was decided: name a "
            "user of Airflow there; or write in training.cleared_features why each is known at the cut-off, and train "
            "again"
        )
    asked = tags.get(APPROVAL_TAG, PERSON)
    if asked == AUTO and (who == AUTO or approval_of(use_case) == AUTO):
        return
    _refuse_others(use_case, who_id or who)


def refuse_uncleared(
    use_case: UseCase,
    version: int,
    suspected: Collection[str],
    cleared: Collection[str],
    who: str,
    why: str,
    first: str,
) -> None:
    """Raise unless each suspected feature was named by who decides, and no other one.

    Args:
        use_case: whose model it is.
        version: that is to become champion.
        suspected: features that may know the outcome, by the version's tag.
        cleared: those that a person says to have looked at.
        who: decides.
        why: as it was given.
        first: batch date that was asked for; empty where none was.
    """
    if others := sorted(set(cleared) - set(suspected)):
        raise UsageError(
            f"--cleared {', '.join(others)}: {use_case.model_name} version {version} is suspected of knowing the "
            f"outcome by {' and '.join(suspected) or 'no feature'}. Nothing was decided: leave that option out"
        )
    if not set(suspected) - set(cleared):
        return
    by, reason = ("…", "…") if who == AUTO else (shlex.quote(who), shlex.quote(why))
    rest = (f" --from {first}" if first else "") + cleared_options(suspected)
    raise DecisionError(
        f"{use_case.model_name} version {version} may know the outcome by {' and '.join(suspected)}: a person must "
        f"look at when each is written. Nothing was decided. If all are known at the cut-off: `nightshift models "
        f"promote {version} --use-case {shlex.quote(use_case.name)} --who {by} --why {reason}{rest}`"
    )


def signed(why: str) -> str:
    """A reason with the operating system's user who typed it."""
    return f"{why} (typed by {_os_user()})"


def _refuse_others(use_case: UseCase, who: str) -> None:
    people = use_case.training.approval.by
    # Nobody is named any more where a version waited for a person once.
    if who not in people and (people or who == AUTO):
        raise DecisionError(
            f"--who {who}: the next champion of {use_case.model_name} is let in by {', '.join(people) or 'a person'} "
            "(`training.approval.by` in use_case.yaml) and by nobody else: ask one of them to decide, in Airflow under "
            "Required actions or by this command"
        )


def _os_user() -> str:
    """By the number that the process runs under: variables like USER say what one likes."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
