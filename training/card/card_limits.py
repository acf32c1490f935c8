"""What a model must not be used for: what the use case declares, and what its own training has not shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nightshift.figures import first_of, share
from training.judging.slice_measures import SMALLEST_CLASS

if TYPE_CHECKING:
    from nightshift.dates import BatchDates
    from training.card.make_card import Card

DAYS_OF_A_YEAR = 365
# Common readings of the population stability index: above it, another population.
ANOTHER_POPULATION = 0.25
_NAMED = 8


def limits(card: Card) -> list[str]:
    """Sentences: what may be wrong, what is declared, and what is not known."""
    return [
        *_of_suspects(card),
        *card.use_case.training.limits,
        *_of_time(card),
        *_of_parts(card),
        *_of_data(card),
        *_of_cleared(card),
    ]


def _of_suspects(card: Card) -> Iterator[str]:
    for suspect in card.challenger.suspects:
        yield (
            f"{suspect.feature} may know the outcome: {'; '.join(suspect.evidence)}. Until somebody has looked at when "
            "it is written, this model must not be used."
        )


def _of_cleared(card: Card) -> Iterator[str]:
    evidence = {each.feature: each.evidence for each in card.challenger.cleared}
    for name, why in card.use_case.training.cleared_features.items():
        said = "; ".join(evidence.get(name, ("nothing in this training speaks against it",)))
        yield f"Somebody has looked at when {name} is written: {why}. What was measured: {said}."


def _of_time(card: Card) -> Iterator[str]:
    months = np.unique(card.dataset.test.days.astype("datetime64[M]"))
    if len(months) == 1:
        yield f"Tested on one month only ({months[0]}): how it does in other months is not known."
    elif not _is_a_year(card.periods.test):
        yield f"Tested on {months[0]} to {months[-1]} only: how it does in other seasons is not known."
    if not _is_a_year(card.periods.train):
        yield (
            f"Learned from {len(card.periods.train)} batch dates, less than a year: seasons and holidays outside "
            f"{card.periods.train} it has never seen."
        )
    if card.champion is None:
        yield "It is compared with a constant, as there was no champion to compare it with."


def _is_a_year(period: BatchDates) -> bool:
    """Whether the batch date after a period is a year after its first."""
    return (period.calendar.later(period.last, 1) - period.first).days >= DAYS_OF_A_YEAR


def _of_parts(card: Card) -> Iterator[str]:
    training = card.use_case.training
    if not training.slices:
        yield "No columns to slice by are declared: averages over all rows may hide a part that it serves badly."
    if card.is_binary and not training.fairness:
        yield "No attribute of people is declared, so nothing shows whether groups of people are treated alike."
    if unjudged := card.unjudged:
        yield (
            f"Too few test rows (under {training.smallest_slice}{_of_classes(card)}) to judge by themselves: "
            f"{first_of(unjudged, _NAMED, '; ')}."
        )


def _of_classes(card: Card) -> str:
    return f", or of a slice under {SMALLEST_CLASS} with or without the event" if card.is_binary else ""


def _of_data(card: Card) -> Iterator[str]:
    coverage = card.challenger.numbers.get("label_coverage")
    if coverage is not None and coverage < 1:
        yield (
            f"{share(1 - coverage)} of the test period's rows have no outcome yet and are left out; they need not be "
            "like the others."
        )
    moved = sorted(
        (name for name, drift in card.challenger.drift.items() if drift > ANOTHER_POPULATION),
        key=lambda name: -card.challenger.drift[name],
    )
    if moved:
        yield (
            f"Between train and test these features became another population (index above {ANOTHER_POPULATION}): "
            f"{first_of(moved, _NAMED)}."
        )
    if card.skew is None or not card.skew.rows:
        yield "No scored date could be compared: whether scoring sees the same values as training is not shown yet."
    yield "Values of a category that training never saw count as missing."
    yield "Importance and contributions say what the model looks at; they are not causes."
