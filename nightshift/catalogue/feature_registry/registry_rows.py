"""The feature registry as rows of its table, which `spark_jobs.describe_features` publishes."""

from __future__ import annotations

import datetime as dt
from typing import Any

from nightshift.catalogue.feature_registry.features_in_use import FeatureInUse, Registry
from nightshift.errors import MissingError
from nightshift.stages import FEATURES, command


def newest_date(registry: Registry) -> dt.date:
    """The batch date that a registry is filed under: the newest one that has features.

    Raises:
        NightshiftError: if no features were ever published.
    """
    date = max((feature.batch_date for feature in registry.features if feature.batch_date), default=None)
    if date is None:
        raise MissingError(
            f"{registry.use_case} has no published features yet, so there is no batch date to file its registry under: "
            f"run `{command(FEATURES, registry.use_case, '<first>..<last>')}`"
        )
    return date


def rows_of(registry: Registry) -> list[dict[str, Any]]:
    """The registry as rows of the table, batch date aside."""
    return [_row(feature, registry.champion) for feature in registry.features]


def _row(feature: FeatureInUse, champion: int | None) -> dict[str, Any]:
    declared = feature.declared
    return {
        "feature_table": declared.table,
        "feature": declared.name,
        "description": declared.description,
        "owner": declared.owner,
        "data_type": declared.type,
        "unit": declared.unit,
        "feature_group": declared.group,
        "is_categorical": declared.categorical,
        "computed_from": ", ".join(declared.computed_from) or None,
        "also_depends_on": ", ".join(declared.also_depends_on) or None,
        "looks_back": ", ".join(declared.windows) or None,
        "slice_date": feature.batch_date,
        "rows": feature.rows,
        "null_share": _real(feature.null_share),
        "distinct_values": feature.distinct,
        "mean": _real(feature.mean),
        "lowest": _real(feature.lowest),
        "highest": _real(feature.highest),
        "champion": champion,
        "gain_share": _real(feature.gain_share),
        "used_by": ", ".join(str(version) for version in feature.used_by) or None,
        "status": feature.status,
    }


def _real(value: float | None) -> float | None:
    """JSON, as profiles are kept, gives whole numbers as int, which Spark does not take for a double."""
    return None if value is None else float(value)
