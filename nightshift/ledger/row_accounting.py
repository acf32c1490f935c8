"""Row accounting: what came in is published, quarantined or deduplicated, and nothing is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nightshift.declarations.tables import Table
from nightshift.errors import DataError
from nightshift.ledger.entries import Entry, Input


@dataclass(frozen=True)
class Accounting:
    """Where the rows of each batch date come from, and where those went that are not published.

    Attributes:
        inputs: what was taken in per batch date: files by digest, tables by version.
        aggregated: the table's rows are sums over the inputs' rows, so that their numbers need not be equal; what must
            agree then is declared (`agrees_with`).
    """

    inputs: Mapping[dt.date, Sequence[Input]] = field(default_factory=dict)
    aggregated: bool = False

    def rows_in(self, date: dt.date) -> int:
        """Rows that entered the stage."""
        return sum(each.rows for each in self.inputs.get(date, ()))

    def quarantined(self, date: dt.date) -> int:
        """Rows set aside with a reason."""
        return sum(each.quarantined for each in self.inputs.get(date, ()))

    def deduplicated(self, date: dt.date) -> int:
        """Older or doubled rows of the same key."""
        return sum(each.deduplicated for each in self.inputs.get(date, ()))

    def expected(self, date: dt.date) -> int:
        """Rows that must be published for a date so that nothing is lost or doubled."""
        return self.rows_in(date) - self.quarantined(date) - self.deduplicated(date)

    def refuse_imbalance(self, table: Table, published: Mapping[dt.date, int]) -> None:
        """Check the rows that are to be published against what came in.

        Raises:
            NightshiftError: naming each batch date that does not balance, with its sums.
        """
        wrong = [
            f"  {date}: {self.rows_in(date)} in, {count} to publish, {self.quarantined(date)} quarantined, "
            f"{self.deduplicated(date)} deduplicated"
            for date, count in published.items()
            if not self.aggregated and count != self.expected(date)
        ]
        if wrong:
            raise DataError(
                f"{table.label} does not balance, nothing was published; rows in must equal rows published "
                "+ quarantined + deduplicated:\n" + "\n".join(wrong)
            )


def balances(entry: Entry) -> bool:
    """Whether the sums of a ledger's entry balance; true where rows are not counted in."""
    if entry.status != "published" or entry.rows_in is None:
        return True
    return entry.rows_in == (entry.rows_published or 0) + (entry.rows_quarantined or 0) + (entry.rows_deduplicated or 0)
