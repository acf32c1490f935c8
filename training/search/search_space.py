"""The space that a search walks, as use_case.yaml declares it (`training.search`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nightshift.declarations.training_section import SearchSpace

if TYPE_CHECKING:
    from optuna.distributions import FloatDistribution, IntDistribution

# The point that every study begins with: strong regularisation, because rows of one day share their day.
FIRST_POINT: Mapping[str, float] = {
    "num_leaves": 12,
    "leaf_share": 0.02,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.6,
    "lambda_l2": 10.0,
    "cat_smooth": 100.0,
}
WHOLE_PARAMETERS = ("num_leaves",)
SMALLEST_LEAF = 5


def distributions(space: SearchSpace) -> dict[str, FloatDistribution | IntDistribution]:
    """Optuna's form of the space, by the names of its parameters."""
    from optuna.distributions import FloatDistribution, IntDistribution

    made: dict[str, FloatDistribution | IntDistribution] = {}
    for name in SearchSpace.model_fields:
        bounds = getattr(space, name)
        if name in WHOLE_PARAMETERS:
            made[name] = IntDistribution(round(bounds.low), round(bounds.high), log=bounds.log)
        else:
            made[name] = FloatDistribution(bounds.low, bounds.high, log=bounds.log)
    return made


def nearest(space: SearchSpace, point: Mapping[str, float]) -> dict[str, float]:
    """The point of the space that is next to ``point``, which may come from another space."""
    nearest = {
        name: min(max(point.get(name, FIRST_POINT[name]), getattr(space, name).low), getattr(space, name).high)
        for name in SearchSpace.model_fields
    }
    return {name: round(value) if name in WHOLE_PARAMETERS else float(value) for name, value in nearest.items()}


def parameters_at(point: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """LightGBM's parameters at a point of the space; the smallest leaf is a share of ``rows``."""
    parameters = {name: value for name, value in point.items() if name != "leaf_share"}
    return {**parameters, "min_data_in_leaf": max(int(rows * point["leaf_share"]), SMALLEST_LEAF)}
