"""What the ledger and the model registry know of the features: what they hold, and which models use them."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nightshift import lake, ledger
from nightshift.catalogue.feature_registry.declared_features import Feature, declared_features, feature_tables
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.distributions import equal_steps, shares_between
from nightshift.errors import NightshiftError
from nightshift.models import model_version, resolve_version
from nightshift.models.mlflow_connection import client
from nightshift.models.model_version import RegisteredModel

log = logging.getLogger("nightshift")
# Each version is a download where the artifact store is not on this disk.
VERSIONS = 20
STEPS = 16


@dataclass(frozen=True)
class FeatureInUse:
    """A feature with what it holds now and who uses it.

    Attributes:
        declared: what the checkout says.
        batch_date: of the newest published slice; its figures are None where it has no profile.
        rows: of that slice.
        null_share: of its rows, from 0 to 1.
        distinct: about how many values occur.
        mean: None for texts.
        histogram: shares of the rows with a value, in equal steps from `lowest` to `highest`; empty for texts.
        top: frequent values of a text with their shares.
        gain_share: its share of the champion's gain, from 0 to 1; None without a champion.
        used_by: versions of the model with a split on it, oldest first.
        status: in words, see `_status`.
    """

    declared: Feature
    batch_date: dt.date | None
    rows: int | None
    null_share: float | None
    distinct: int | None
    mean: float | None
    lowest: float | None
    highest: float | None
    histogram: tuple[float, ...]
    top: tuple[tuple[str, float], ...]
    gain_share: float | None
    used_by: tuple[int, ...]
    status: str


@dataclass(frozen=True)
class Registry:
    """All features of a use case, and the models that were asked.

    Attributes:
        champion: version of the live model; None where there is none.
        versions: the versions that were looked at, oldest first.
    """

    use_case: str
    champion: int | None
    versions: tuple[int, ...]
    features: tuple[FeatureInUse, ...]

    @property
    def unused(self) -> tuple[FeatureInUse, ...]:
        """The features that no model uses."""
        return tuple(feature for feature in self.features if self.versions and not feature.used_by)


def registry_of(use_case: UseCase) -> Registry:
    """The feature registry of a use case, as of now; starts no Spark.

    Raises:
        NightshiftError: as `declared_features`.
    """
    champion = resolve_version.champion_version(use_case)
    models = _models(use_case, champion)
    gains = {model.version: gain_shares(model) for model in models}
    slices = {table.short_name: _newest_profile(table) for table in feature_tables(Catalog(use_case))}
    features = tuple(
        _in_use(feature, *slices[feature.table], gains, champion) for feature in declared_features(use_case)
    )
    return Registry(use_case.name, champion, tuple(gains), features)


def gain_shares(model: RegisteredModel) -> dict[str, float]:
    """Share of a model's gain that the splits on each of its features have; 0 where it has no split on one."""
    import lightgbm

    gains = lightgbm.Booster(model_str=model.booster).feature_importance(importance_type="gain")
    total = float(sum(gains)) or 1.0
    return {name: float(gain) / total for name, gain in zip(model.encoding.features, gains, strict=True)}


def _models(use_case: UseCase, champion: int | None) -> list[RegisteredModel]:
    """The newest versions of the model and the champion, oldest first."""
    found = client(use_case.home).search_model_versions(f"name = '{use_case.model_name}'")
    newest = sorted((int(version.version) for version in found), reverse=True)[:VERSIONS]
    wanted = sorted({*newest, *([] if champion is None else [champion])})
    models = []
    for version in wanted:
        try:
            models.append(model_version.load(use_case, version))
        except NightshiftError as error:
            if version == champion or error.temporary:
                raise
            # A registration that broke off; it can never be scored with.
            log.warning("version %s is left out: %s", version, error)
    return models


def _newest_profile(table: Table) -> tuple[dt.date | None, Mapping[str, Any]]:
    """The newest published batch date, and what its slice holds, if that is kept."""
    date = max(lake.published_dates(table), default=None)
    return date, {} if date is None else ledger.profiles(table.use_case, table.short_name, [date]).get(date, {})


def _in_use(
    feature: Feature,
    date: dt.date | None,
    profile: Mapping[str, Any],
    gains: Mapping[int, Mapping[str, float]],
    champion: int | None,
) -> FeatureInUse:
    rows = profile.get("rows")
    found: Mapping[str, Any] = profile.get("columns", {}).get(feature.name, {})
    quantiles = found.get("quantiles") or []
    used_by = tuple(version for version, shares in gains.items() if shares.get(feature.name, 0) > 0)
    return FeatureInUse(
        declared=feature,
        batch_date=date,
        rows=rows,
        null_share=found["nulls"] / rows if rows and "nulls" in found else None,
        distinct=found.get("distinct"),
        mean=found.get("mean"),
        lowest=quantiles[0] if quantiles else None,
        highest=quantiles[-1] if quantiles else None,
        histogram=histogram(quantiles),
        top=tuple((str(value), count / rows) for value, count in found.get("top", ())) if rows else (),
        gain_share=None if champion is None else gains[champion].get(feature.name, 0.0),
        used_by=used_by,
        status=_status(used_by, champion, bool(gains)),
    )


def _status(used_by: tuple[int, ...], champion: int | None, any_model: bool) -> str:
    if not any_model:
        return "no model yet"
    if not used_by:
        return "used by no model"
    if champion is None:
        return "no champion"
    return "used" if champion in used_by else "not used by the champion"


def histogram(quantiles: Iterable[float]) -> tuple[float, ...]:
    """Shares of the values in equal steps from the lowest to the highest, from quantiles at equal probabilities."""
    known = [float(value) for value in quantiles]
    if len(known) < 2:
        return ()
    if known[0] == known[-1]:
        return (1.0,)
    return tuple(shares_between(known, equal_steps(known[0], known[-1], STEPS)[1:-1]))
