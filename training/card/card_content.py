"""The card's content, as both of its forms show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nightshift.declarations.label_deliveries import is_by_maturity
from nightshift.figures import number
from training.card.card_limits import limits
from training.card.measures_in_words import MEASURES_IN_WORDS, OF_SLICES, Measure, calibration_words, period_words
from training.judging.evaluate import interval_level
from training.judging.slice_measures import SMALLEST_CLASS

if TYPE_CHECKING:
    from training.card.make_card import Card

SHOWN_DRIFTS = 10
SHOWN_SKEWS = 10


def template_values(card: Card) -> dict[str, Any]:
    """What the templates are filled with."""
    challenger = card.challenger
    return {
        "card": card,
        "case": card.use_case,
        "model": challenger.model,
        "winner": challenger.winner,
        "numbers": challenger.numbers,
        "refused": challenger.refused,
        "verdicts": challenger.verdicts,
        "predicts": _predicts(card),
        "outcome_known": _outcome_known(card),
        "periods": _periods(card),
        "data_versions": _starting(card.provenance, "delta_version."),
        "calibration": calibration_words(challenger.model),
        "headline": _headline(card),
        "side_by_side": _side_by_side(card),
        "slice_columns": OF_SLICES[challenger.model.task],
        "slices": challenger.evaluation.slices,
        "smallest_class": SMALLEST_CLASS,
        "groups": challenger.evaluation.groups,
        "drifts": _drifts(card),
        "skews": _skews(card),
        "limits": limits(card),
        "provenance": dict(sorted(card.provenance.items())),
    }


def _predicts(card: Card) -> str:
    """The meaning of the predicted column, by its own declaration."""
    target = card.use_case.target
    table = card.catalog[f"silver.{target.table}"]
    found = next((column.description for column in table.columns if column.name == target.column), "")
    return f"{target.column} of silver.{target.table}" + (f": {found}" if found else "")


def _outcome_known(card: Card) -> str:
    """When the label of a case is known."""
    target, maturity = card.use_case.target, card.use_case.maturity
    known = f"{maturity} later, for every case alike"
    if is_by_maturity(card.use_case):
        known = f"with any delivery up to {maturity} later, of several the newest"
    if target.known_when is not None:
        known += f", where {target.known_when}"
    if target.if_unknown is not None:
        known += f"; what is not known then counts as {str(target.if_unknown).lower()}"
    return known


def _periods(card: Card) -> list[dict[str, Any]]:
    made = []
    for name, dates in card.periods.items():
        part = getattr(card.dataset, name)
        counts = [both for date, both in card.dataset.coverage.items() if date in dates]
        rows = sum(count for count, _ in counts)
        matured = sum(count for _, count in counts)
        made.append(
            {
                "name": name, "dates": str(dates), "days": len(dates), "rows": len(part), "mean": part.rate,
                "feature_rows": rows, "covered": matured / rows if rows else None,
                "role": period_words(name, card.challenger.model),
            }
        )  # fmt: skip
    return made


def _headline(card: Card) -> list[dict[str, Any]]:
    """Each measure of the test with its interval, beside the constant and the champion."""
    metrics = card.challenger.evaluation.metrics
    return [
        {
            "measure": measure,
            "meaning": _meaning(measure, metrics),
            "value": metrics[measure.name],
            "lower": metrics.get(f"{measure.name}_lower"),
            "upper": metrics.get(f"{measure.name}_upper"),
            "level": interval_level(measure.name),
            "constant": metrics.get(f"constant_{measure.name}"),
            "champion": metrics.get(f"champion_{measure.name}"),
        }
        for measure in MEASURES_IN_WORDS
        if measure.name in metrics
    ]


def _meaning(measure: Measure, metrics: Mapping[str, float]) -> str:
    """A cost says nothing without what the fixed rules would cost."""
    rules = {"never": "cost_per_row_never_warning", "always": "cost_per_row_always_warning"}
    if measure.name != "cost_per_row" or not set(rules.values()) <= metrics.keys():
        return measure.meaning
    costs = ", ".join(f"{rule} warning costs {number(metrics[name])}" for rule, name in rules.items())
    return f"{measure.meaning} {costs[0].upper()}{costs[1:]}."


def _side_by_side(card: Card) -> dict[str, Any]:
    table = card.challenger.evaluation.side_by_side
    columns = [name for name in ("train", "validation", "test") if name in table]
    rows = [
        {"title": measure.title, "values": [number(table[name].get(measure.name)) for name in columns]}
        for measure in MEASURES_IN_WORDS
        if measure.name in table["test"]
    ]
    return {"columns": columns, "rows": rows}


def _drifts(card: Card) -> list[tuple[str, float, float]]:
    """The features that moved most from train to test, and by how much their missing values rose."""
    drift, rises = card.challenger.drift, card.challenger.missing_rise
    order = sorted(drift, key=lambda name: (-drift[name], name))
    return [(name, drift[name], rises[name]) for name in order[:SHOWN_DRIFTS]]


def _skews(card: Card) -> list[tuple[str, float]]:
    """The features that differ most between training and scoring."""
    shares: Mapping[str, float] = {} if card.skew is None else card.skew.shares
    order = sorted((name for name in shares if shares[name] > 0), key=lambda name: (-shares[name], name))
    return [(name, shares[name]) for name in order[:SHOWN_SKEWS]]


def _starting(provenance: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in sorted(provenance.items()) if name.startswith(prefix)}
