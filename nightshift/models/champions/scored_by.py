"""What the ledger says of the scores: which version made those of a batch date, and what is being scored right now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.score_names import SCORES
from nightshift.declarations.use_case import UseCase
from nightshift.ledger import Entry, engine


@dataclass(frozen=True)
class Scoring:
    """Scores of a batch date that were published: by which version, when its job began to write them, in which run."""

    version: int
    at: dt.datetime
    run_id: str


def scorings(use_case: UseCase, date: dt.date) -> list[Scoring]:
    """The versions that scored a batch date, each with its last time; readers see the scores of the first."""
    columns = (Entry.model_version, Entry.started_at, Entry.run_id)
    query = sa.select(*columns).where(*_scores_of(use_case, "published"), Entry.batch_date == date)
    found: dict[int, Scoring] = {}
    with engine().connect() as connection:
        for row in connection.execute(query.order_by(Entry.id.desc())):
            found.setdefault(row.model_version, Scoring(row.model_version, row.started_at, row.run_id))
    return list(found.values())


def published_by(use_case: UseCase, first: dt.date) -> dict[dt.date, int | None]:
    """The version that made the scores that readers see of each batch date from ``first`` on."""
    return _newest(use_case, "published", Entry.batch_date >= first)


def being_scored_by(catalog: Catalog) -> dict[dt.date, int | None]:
    """The version with which a living process is scoring a batch date at this moment.

    What killed processes left open is closed first: such an entry says what was begun, and not what is there. A job
    that has its model and no open entry yet is not found here; it looks at the decisions once more when it has one
    (:func:`nightshift.models.which_version.refuse_outdated`).
    """
    # Every job imports this module, and not every one reads the lake.
    from nightshift.lake.recovery import recover_entries

    recover_entries(catalog)
    return _newest(catalog.use_case, "running")


def _newest(use_case: UseCase, status: str, *asked: sa.ColumnElement[bool]) -> dict[dt.date, int | None]:
    query = (
        sa.select(Entry.batch_date, Entry.model_version)
        .where(*_scores_of(use_case, status), *asked)
        .distinct(Entry.batch_date)
        .order_by(Entry.batch_date, Entry.id.desc())
    )
    with engine().connect() as connection:
        return {row.batch_date: row.model_version for row in connection.execute(query)}


def _scores_of(use_case: UseCase, status: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Entry.use_case == use_case.name,
        Entry.table_name == SCORES,
        Entry.status == status,
        # An erasure publishes scores anew without having made them.
        Entry.model_version.is_not(None),
    )
