"""From which batch date on a new champion reigns, where nobody says otherwise."""

from __future__ import annotations

import datetime as dt

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.score_names import SCORES
from nightshift.models.champions.being_scored import being_scored_by
from nightshift.models.champions.reigns import history


def default_first(catalog: Catalog, trained_until: dt.date) -> dt.date:
    """The first batch date that a new champion is to score, where nobody says otherwise.

    It lies after all whose outcome the model has seen, and, unless it is the first champion of all, after all that are
    scored already or are being scored at this moment, with the champion of now.

    Args:
        trained_until: the last batch date of the training's range.
    """
    # Every job imports this module, and not every one reads the lake.
    from nightshift import lake

    use_case = catalog.use_case
    first = use_case.calendar.due(trained_until, use_case.maturity)
    if not history(use_case):
        return first
    # In this order: a job that publishes in between is seen at least once.
    running = being_scored_by(catalog)
    # A use case may be trained before its scores are declared.
    scored = {*running, *(lake.published_dates(catalog[SCORES]) if SCORES in catalog else ())}
    return max(first, use_case.calendar.later(max(scored), 1)) if scored else first
