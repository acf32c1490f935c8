"""Which registered model is to be used: by batch date, the champion, or a named version.

No other model than the one that was asked for is ever taken: what does not exist, is blocked or is not complete ends
the run before anything is written.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import groupby

from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase
from nightshift.errors import ConflictError, MissingError, NightshiftError, TemporaryError, UsageError
from nightshift.ledger.model_decisions import taking_turns
from nightshift.models import champions
from nightshift.models.champions import Reign
from nightshift.models.champions.decide_champion import refuse_blocked
from nightshift.models.model_version import RegisteredModel, load

log = logging.getLogger("nightshift")

# What may be asked for, beside the number of a version.
AS_OF = "as_of"
NEWEST = "champion"
# May stand before the number of a version, as people write it.
VERSION = "version="


def champion_version(use_case: UseCase) -> int | None:
    """The version that is champion of the batch dates to come, by the ledger; None when there never was one."""
    reign = champions.coming(champions.history(use_case))
    return reign.version if reign else None


def champion(use_case: UseCase) -> RegisteredModel | None:
    """The model of :func:`champion_version`, which a new one must be better than; fixes what MLflow says of it.

    None as well if it is blocked: what nobody may score with is no rival, and one whose files are lost would else keep
    every new model out.

    Raises:
        NightshiftError: if it is gone or not complete, or MLflow does not answer.
    """
    version = champion_version(use_case)
    if version is None:
        return None
    if version in champions.blocked(champions.decisions(use_case)):
        log.warning("%s version %d is champion, and blocked: it is no rival", use_case.model_name, version)
        return None
    try:
        found = load(use_case, version)
    except TemporaryError:
        raise
    except NightshiftError as error:
        raise MissingError(
            f"the champion cannot be read: {error}\nnext: if it is gone for good, `nightshift models block {version} "
            f"--use-case {use_case.name} --who … --why …`; then a new model is judged without it"
        ) from error
    champions.repair(use_case)
    return found


def resolve(use_case: UseCase, wanted: str, dates: BatchDates) -> list[tuple[BatchDates, RegisteredModel]]:
    """The models that a person or a DAG asked for, with the batch dates that each is to score.

    Args:
        use_case: whose model it is.
        wanted: ``as_of``: of each batch date its own champion, so a range in which it changed gives several models;
            ``champion``: that of the dates to come; ``version=3`` or ``3``: that version.
        dates: the batch dates to score; the ranges of the result are all of them, in their order.

    Raises:
        NightshiftError: if one of the models does not exist, is blocked or is not complete, or MLflow does not answer.
    """
    versions = versions_of(use_case, wanted, dates)
    models = {version: load(use_case, version) for version in {version for _, version in versions}}
    champions.repair(use_case)
    return [(part, models[version]) for part, version in versions]


def versions_of(use_case: UseCase, wanted: str, dates: BatchDates) -> list[tuple[BatchDates, int]]:
    """The versions of :func:`resolve`, by the ledger alone: MLflow is not asked whether they exist.

    Raises:
        NightshiftError: if ``wanted`` names no model, there is no champion, or one of the versions is blocked.
    """
    number = wanted.removeprefix(VERSION)
    is_number = number.isascii() and number.isdigit() and int(number) > 0
    if wanted not in (AS_OF, NEWEST) and not is_number:
        raise UsageError(
            f"{wanted!r} is not a model: allowed are `{AS_OF}`, `{NEWEST}` and a version, like `{VERSION}3` or `3`"
        )
    made = champions.decisions(use_case)
    versions = [(dates, int(number))] if is_number else _reigning(use_case, champions.reigns_of(made), wanted, dates)
    for version in {version for _, version in versions}:
        refuse_blocked(made, use_case, version, "score with")
    return versions


def refuse_outdated(use_case: UseCase, wanted: str, resolved: Sequence[tuple[BatchDates, RegisteredModel]]) -> None:
    """Refuse models that :func:`resolve` gave and would not give any more.

    To be called once the ledger has the open entries that name these models. What was decided before is found here,
    and whoever decides later finds the entries (`champions.being_scored`). It takes turns with those who decide, as a
    promotion first asks what is being scored, and then decides.

    Args:
        wanted: as it was resolved.
        resolved: what that gave.

    Raises:
        NightshiftError: if a version is blocked by now, or another one is champion.
    """
    dates = use_case.between(resolved[0][0].first, resolved[-1][0].last)
    then = {date: model.version for part, model in resolved for date in part}
    with taking_turns(use_case):
        now = versions_of(use_case, wanted, dates)
    for part, version in now:
        if changed := [date for date in part if then[date] != version]:
            raise ConflictError(
                f"the champion changed while {dates} was being scored: by now it is version {version} for "
                f"{changed[0]}, which version {then[changed[0]]} has scored. Nothing was published: run this again"
            )


def _reigning(
    use_case: UseCase, reigns: Sequence[Reign], wanted: str, dates: BatchDates
) -> list[tuple[BatchDates, int]]:
    live = champions.coming(reigns)
    if live is None:
        raise MissingError(
            f"{use_case.model_name} has no champion, so nothing was scored: run the DAG {use_case.name}_train or "
            f"`.venv/bin/python -m training.train --use-case {use_case.name} --dates <first>..<last>`, read its gates, "
            "then score again"
        )
    if wanted == NEWEST:
        return [(dates, live.version)]
    # Reigns follow each other without gaps, so only dates before the first have none.
    if dates.first < reigns[0].first:
        raise MissingError(
            f"{use_case.model_name} had no champion on {dates.first}: the first, version {reigns[0].version}, reigns "
            f"from {reigns[0].first} on. Ask for dates from then on, or say which model is to score the earlier ones: "
            f"--model {NEWEST}, or --model {reigns[0].version}"
        )
    of_each = [(date, next(reign.version for reign in reigns if date in reign)) for date in dates]
    parts = [[date for date, _ in part] for _, part in groupby(of_each, key=lambda pair: pair[1])]
    return [(dates.between(part[0], part[-1]), dict(of_each)[part[0]]) for part in parts]
