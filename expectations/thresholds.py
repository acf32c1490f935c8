"""From where on a slice is unusual: one place, and one module per table that may say otherwise.

``expectations/<use case>/<layer>_<table>.py`` may hold ``THRESHOLDS = Thresholds(...)``.
"""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType

from nightshift.tables import Table


@dataclass(frozen=True)
class Thresholds:
    """Against what a slice is compared, and how far it may be from it.

    Attributes:
        weeks: how far back the same weekday is looked up.
        recent_days: how many batch dates before are compared, whatever their weekday.
        recent_snapshots: how many snapshots before are compared, of a table that comes with some deliveries only.
        history_at_least: earlier slices that volume must be compared with to be judged; of snapshots one is enough, as
            they change little.
        column_history_at_least: the same for null shares and distinct counts.
        too_few: share of the usual rows below which a slice is refused: nine tenths are missing.
        too_many: multiple of the usual rows above which it is refused. Not ten: a tenfold delivery of a weak day
            (634 flights, where 990 are usual) is 6.4 times the usual one.
        unusual_share: deviation from the usual rows that draws a warning, if it is also more than
            ``unusual_deviations`` median absolute deviations, scaled to standard deviations, and than chance makes of
            a small number.
        null_share: how far a column's null share may be outside of what the earlier slices had, beyond the distance
            between the highest and the lowest of them.
        distinct_factor: the same for its number of distinct values, as a factor.
        accepted_volumes: batch dates whose volume is unusual for a known reason, with that reason.
    """

    weeks: int = 8
    recent_days: int = 7
    recent_snapshots: int = 8
    history_at_least: int = 3
    column_history_at_least: int = 5
    too_few: float = 0.1
    too_many: float = 6
    unusual_share: float = 0.3
    unusual_deviations: float = 5
    null_share: float = 0.1
    distinct_factor: float = 3
    accepted_volumes: Mapping[dt.date, str] = field(default_factory=dict)


def thresholds_of(table: Table) -> Thresholds:
    """The table's own thresholds, or the common ones."""
    module = domain_module(table)
    found: Thresholds = getattr(module, "THRESHOLDS", Thresholds())
    return found


def domain_module(table: Table) -> ModuleType | None:
    """What only the domain knows of a table; None where nobody wrote it down."""
    # A use case need not have a package here; asking for a module inside one that is missing raises.
    package = f"expectations.{table.use_case}"
    module = f"{package}.{table.layer}_{table.name}"
    if importlib.util.find_spec(package) and importlib.util.find_spec(module):
        return importlib.import_module(module)
    return None
