"""Whether a version was ever compared with the champion that it is to follow.

Its measures are those of its training. The champion may be another one by the time that somebody decides: a training
was resumed, two ran at once, or somebody promoted or rolled back in between.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from nightshift.declarations.use_case import UseCase
from nightshift.errors import GateError
from nightshift.ledger.model_decisions import Decision
from nightshift.models.champions.reigns import blocked, coming, reigns_of

log = logging.getLogger("nightshift")

# Tag of a version: the champion that its training compared it with, or `none`.
COMPARED_TAG = "champion_compared"
NO_CHAMPION = "none"


class NeverComparedError(GateError):
    """A version that nobody types in by hand was judged beside another champion than the one of now."""


def refuse_never_compared(
    use_case: UseCase, made: Sequence[Decision], version: int, compared: str | None, *, by_hand: bool = False
) -> None:
    """Check the champion that a version was judged beside against the one that it is to follow.

    Args:
        use_case: whose model it is.
        made: all decisions about its versions.
        version: that may become champion.
        compared: value of its tag :data:`COMPARED_TAG`; None where it has none.
        by_hand: whether a person types that it does; then the log says so.

    Raises:
        NeverComparedError: if it is another one. A form cannot ask in its stead: Airflow opens it with the words of the
            first asking, and the champion may change while it is open.
    """
    if (unknown := never_compared(use_case, made, version, compared)) is None:
        return
    if by_hand:
        log.warning("%s", unknown)
        return
    raise NeverComparedError(
        f"{unknown}. So it does not become champion: train again, in a new run of {use_case.name}_train, which holds a "
        f"new model against that one; or a person lets it in by hand: `nightshift models promote {version} --use-case "
        f"{use_case.name} --who … --why …`"
    )


def never_compared(use_case: UseCase, made: Sequence[Decision], version: int, compared: str | None) -> str | None:
    """What to say where a version was judged beside another champion than the one that it is to follow.

    A champion that is blocked is no rival, so nothing is said of it.

    Args:
        use_case: whose model it is.
        made: all decisions about its versions.
        version: that may become champion.
        compared: value of its tag :data:`COMPARED_TAG`; None where it has none.

    Returns:
        A sentence; None where it was compared with the champion of now, or there is none.
    """
    reign = coming(reigns_of(made))
    reigning = None if reign is None else reign.version
    if compared is None or reigning in (None, version) or reigning in blocked(made) or compared == str(reigning):
        return None
    beside = "no champion" if compared == NO_CHAMPION else f"version {compared}"
    return (
        f"{use_case.model_name} version {version} was judged beside {beside}, and version {reigning} is champion by "
        f"now: whether it is better than that one was never measured; `nightshift models show {reigning} --use-case "
        f"{use_case.name}` shows its measures"
    )
