"""Airflow's pools: how many tasks of a kind may run at once. Each has one slot, unless a person gives it more."""

from __future__ import annotations

from collections.abc import Iterable

from nightshift.declarations.training_section import TRAINING_POOL
from nightshift.declarations.use_case import UseCase


def pools(use_cases: Iterable[UseCase]) -> dict[str, str]:
    """What each pool that tasks ask for is there for, by its name."""
    return {
        TRAINING_POOL: "One training at a time, of all use cases.",
        **{each.lake_pool: "One writer at a time on the tables of this use case." for each in use_cases},
    }
