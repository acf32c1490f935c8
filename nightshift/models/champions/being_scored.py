"""What is being scored right now, and by which version."""

from __future__ import annotations

import datetime as dt

from nightshift.declarations.catalog import Catalog
from nightshift.ledger.scores import open_by


def being_scored_by(catalog: Catalog) -> dict[dt.date, int | None]:
    """The version with which a living process is scoring a batch date at this moment.

    What killed processes left open is closed first: such an entry says what was begun, and not what is there. A job
    that has its model and no open entry yet is not found here; it looks at the decisions once more when it has one
    (:func:`nightshift.models.resolve_version.refuse_outdated`).
    """
    # Every job imports this module, and not every one reads the lake.
    from nightshift.lake.recovery import recover_entries

    recover_entries(catalog)
    return open_by(catalog.use_case)
