"""What the ledger says of the scores: which version made those of a batch date, and what is being scored right now."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from nightshift.catalog import Catalog
from nightshift.ledger import Entry, engine
from nightshift.scores import SCORES
from nightshift.use_case import UseCase


def published_by(use_case: UseCase, first: dt.date) -> dict[dt.date, int | None]:
    """The version that made the scores that readers see of each batch date from ``first`` on."""
    return _newest(use_case, "published", Entry.batch_date >= first)


def being_scored_by(catalog: Catalog) -> dict[dt.date, int | None]:
    """The version with which a living process is scoring a batch date at this moment.

    What killed processes left open is closed first: such an entry says what was begun, and not what is there. A job
    that has its model and no open entry yet is not found here; it looks at the decisions once more when it has one
    (:func:`nightshift.registry.refuse_outdated`).
    """
    # Every job imports this module, and not every one reads the lake.
    from nightshift.recovery import recover_entries

    recover_entries(catalog)
    return _newest(catalog.use_case, "running")


def _newest(use_case: UseCase, status: str, *asked: sa.ColumnElement[bool]) -> dict[dt.date, int | None]:
    query = (
        sa.select(Entry.batch_date, Entry.model_version)
        .where(Entry.use_case == use_case.name, Entry.table_name == SCORES, Entry.status == status, *asked)
        # An erasure publishes scores anew without having made them.
        .where(Entry.model_version.is_not(None))
        .distinct(Entry.batch_date)
        .order_by(Entry.batch_date, Entry.id.desc())
    )
    with engine().connect() as connection:
        return {row.batch_date: row.model_version for row in connection.execute(query)}
