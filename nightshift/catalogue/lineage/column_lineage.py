"""What a lineage says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

from nightshift.declarations.tables import PARTITION


@dataclass(frozen=True, order=True)
class Origin:
    """A column of a published table, like ``silver.outcomes`` and ``is_late``; ``*`` where its rows are counted."""

    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, order=True)
class Window:
    """How far a frame reaches around its row.

    Attributes:
        by: the column that orders it.
        reach: in words, like ``60 before to 60 after``.
        deliveries: where it counts batch dates up to that of the row itself, how many.
        source: whether the SQL says so, or only the column's name does.
    """

    by: str
    reach: str
    deliveries: int | None = None
    source: str = "sql"

    @classmethod
    def trailing(cls, deliveries: int, source: str = "sql") -> Window:
        """The window that ends with the delivery of the batch date and holds so many of them."""
        return cls(PARTITION, f"{deliveries} {'delivery' if deliveries == 1 else 'deliveries'}", deliveries, source)

    def __str__(self) -> str:
        said = "" if self.source == "sql" else f" (by its {self.source})"
        return f"{self.reach if self.deliveries else f'{self.by}: {self.reach}'}{said}"


@dataclass(frozen=True)
class Lineage:
    """Where the values of a column come from."""

    computed_from: frozenset[Origin] = frozenset()
    steered_by: frozenset[Origin] = frozenset()
    windows: frozenset[Window] = frozenset()

    def __or__(self, other: Lineage) -> Lineage:
        return Lineage(
            self.computed_from | other.computed_from, self.steered_by | other.steered_by, self.windows | other.windows
        )

    @property
    def also_depends_on(self) -> frozenset[Origin]:
        """Columns that steer which rows are taken, and are not themselves computed with."""
        return self.steered_by - self.computed_from

    @property
    def steering(self) -> Lineage:
        """The same columns, where they only steer something else."""
        return Lineage(frozenset(), self.computed_from | self.steered_by, self.windows)


NO_LINEAGE = Lineage()


def union(*parts: Lineage) -> Lineage:
    """All origins of several parts."""
    return reduce(or_, parts, NO_LINEAGE)
