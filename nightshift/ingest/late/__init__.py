"""Deliveries that came late or were corrected, and exactly what has to be made again because of them.

`landing_history` looks up the landing zone and the ledger; `catch_up_plan` draws the conclusions, from values alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.ingest.late.catch_up_plan import Changes, DeliveryChange, plan
from nightshift.ingest.late.landing_history import look_up

__all__ = ["Changes", "DeliveryChange", "find"]


def find(
    use_case: UseCase,
    catalog: Catalog,
    all_dates: bool = False,
    leave_out: Collection[dt.date] = (),
) -> Changes:
    """What came late or was corrected, and the dates that each stage must redo.

    Args:
        all_dates: look at every date up to the newest landed one, not at the newest `delivery.late_days` only.
        leave_out: batch dates whose deliveries are passed over.

    Raises:
        NightshiftError: if the manifest of a delivery can't be read.
    """
    return plan(use_case, catalog, look_up(use_case, catalog, all_dates, leave_out))
