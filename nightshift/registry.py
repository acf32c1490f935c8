"""Which registered model is to be used: by batch date, the champion, or a named version.

No other model than the one that was asked for is ever taken: what does not exist, is blocked or is not complete ends
the run before anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from nightshift import champions
from nightshift.champions import Reign
from nightshift.champions.deciding import refuse_blocked
from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from nightshift.registered_model import RegisteredModel, load
from nightshift.tracking import client, experiment_id, model_versions, tracking_uri
from nightshift.use_case import UseCase

# What may be asked for, beside the number of a version.
AS_OF = "as_of"
CHAMPION = "champion"

__all__ = [
    "AS_OF",
    "CHAMPION",
    "RegisteredModel",
    "champion",
    "champion_version",
    "client",
    "experiment_id",
    "load",
    "resolve",
    "tracking_uri",
]


def champion_version(use_case: UseCase) -> int | None:
    """The version that is champion of the batch dates to come, by the ledger; None when there never was one."""
    reigns = champions.history(use_case)
    return reigns[-1].version if reigns else None


def champion(use_case: UseCase) -> RegisteredModel | None:
    """The model of :func:`champion_version`, blocked or not; mends what MLflow says of it.

    None as well if it was blocked and is gone from the registry: a new one could else never be trained.

    Raises:
        NightshiftError: if it is gone otherwise or not complete, or MLflow does not answer.
    """
    version = champion_version(use_case)
    if version is None:
        return None
    if version in champions.blocked(champions.decisions(use_case)) and version not in model_versions(use_case):
        return None
    found = load(use_case, version)
    champions.mend(use_case)
    return found


def resolve(use_case: UseCase, wanted: str, dates: BatchDates) -> list[tuple[BatchDates, RegisteredModel]]:
    """The models that a person or a DAG asked for, with the batch dates that each is to score.

    Args:
        use_case: whose model it is.
        wanted: ``as_of``: of each batch date its own champion, so a range in which it changed gives several models;
            ``champion``: that of the dates to come; or the number of a version.
        dates: the batch dates to score; the ranges of the result are all of them, in their order.

    Raises:
        NightshiftError: if one of the models does not exist, is blocked or is not complete, or MLflow does not answer.
    """
    is_number = wanted.isascii() and wanted.isdigit() and int(wanted) > 0
    if wanted not in (AS_OF, CHAMPION) and not is_number:
        raise NightshiftError(f"{wanted!r} is not a model: allowed are `{AS_OF}`, `{CHAMPION}` and a version like 3")
    made = champions.decisions(use_case)
    versions = [(dates, int(wanted))] if is_number else _reigning(use_case, champions.reigns_of(made), wanted, dates)
    for version in {version for _, version in versions}:
        refuse_blocked(made, use_case, version, "score with")
    models = {version: load(use_case, version) for version in {version for _, version in versions}}
    champions.mend(use_case)
    return [(part, models[version]) for part, version in versions]


def _reigning(
    use_case: UseCase, reigns: Sequence[Reign], wanted: str, dates: BatchDates
) -> list[tuple[BatchDates, int]]:
    if not reigns:
        raise NightshiftError(
            f"{use_case.model_name} has no champion, so nothing was scored: run the DAG {use_case.name}_train or "
            f"`python -m training.train --use-case {use_case.name} --dates <first>..<last>`, read its gates, "
            "then score again"
        )
    if wanted == CHAMPION:
        return [(dates, reigns[-1].version)]
    # Reigns follow each other without gaps, so only dates before the first have none.
    if dates.first < reigns[0].first:
        raise NightshiftError(
            f"{use_case.model_name} had no champion on {dates.first}: the first, version {reigns[0].version}, reigns "
            f"from {reigns[0].first} on. Ask for dates from then on, or say which model is to score the earlier ones: "
            f"--model {CHAMPION}, or --model {reigns[0].version}"
        )
    of_each = [(date, next(reign.version for reign in reigns if date in reign)) for date in dates]
    parts = [[date for date, _ in part] for _, part in groupby(of_each, key=lambda pair: pair[1])]
    return [(BatchDates(part[0], part[-1]), dict(of_each)[part[0]]) for part in parts]
