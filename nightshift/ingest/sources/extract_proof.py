"""What a database says of the rows of a batch date, and what their extract holds: the two must agree.

Rows, the least and the greatest of the date column, and the sum and number of values of each whole-number column are
the same in a database and in Parquet. The database also adds up a hash of all declared values of each row, before and
after, so that a change in place shows whatever the column.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightshift.ingest.sources.date_bounds import BoundedSlice, place, within

READERS = 8
# The widest number that PostgreSQL and Arrow have in common: 10^19 rows of 64 bits.
WIDE = "DECIMAL(38, 0)"
BIGGEST = 2**62


@dataclass(frozen=True)
class Sum:
    """Of a whole-number column: how many values it has, and what they add up to."""

    values: int = 0
    total: int = 0

    def __str__(self) -> str:
        return f"{self.total} of {self.values} values"


@dataclass(frozen=True)
class Proof:
    """What the rows of one batch date come to.

    Attributes:
        first, last: bounds of the date column, in days or microseconds since 1970; None where there are none.
        sums: by column.
        digest: of all declared columns; None of an extract.
    """

    rows: int = 0
    first: int | None = None
    last: int | None = None
    sums: Mapping[str, Sum] = field(default_factory=dict)
    digest: int | None = None

    def told(self, columns: Iterable[str]) -> str:
        """Rows, and the sums of those of some columns that were added up, for people."""
        sums = [f", sum({name}) {self.sums[name].total}" for name in columns if name in self.sums]
        return f"{self.rows} rows{''.join(sums)}"


@dataclass(frozen=True)
class Counted:
    """What a database said of some batch dates.

    Attributes:
        clock: the database's own.
        lowest, highest: range of the column that shares the reading; None without one, or without rows.
    """

    clock: dt.datetime
    proofs: Mapping[dt.date, Proof]
    lowest: int | None = None
    highest: int | None = None

    @property
    def rows(self) -> int:
        """Rows of all dates."""
        return sum(proof.rows for proof in self.proofs.values())


@dataclass(frozen=True)
class Counting:
    """What is counted, all of it in SQL.

    Attributes:
        dated: the date column.
        date_name: what the extract calls it; None where it has none.
        whole_numbers: columns to be added up, by name.
        values: of all declared columns, by which a row is known.
    """

    relation: str
    dated: str
    date_name: str | None
    is_date: bool
    slices: Sequence[BoundedSlice]
    part: str | None
    whole_numbers: Mapping[str, str]
    values: Sequence[str]

    @property
    def sql(self) -> str:
        """A query for the database's clock, beside one row per batch date that has rows."""
        inner = [f"{place(self.dated, self.slices)} AS place", f"{self.dated} AS dated", f"{self.part or 0} AS part"]
        inner.append(f"hashtextextended(CAST(ROW({', '.join(self.values)}) AS text), 0) AS digest")
        outer = ["place", "count(*) AS counted", f"{self._number('min(dated)')} AS first"]
        outer += [f"{self._number('max(dated)')} AS last", f"sum(CAST(digest AS {WIDE})) AS digests"]
        # A `numeric` may be no number, or beyond what Spark divides into ranges.
        outer += [
            f"CAST(least(greatest(floor(CAST({side}(part) AS numeric)), {-BIGGEST}), {BIGGEST}) AS bigint) AS {name}"
            for side, name in (("min", "lowest"), ("max", "highest"))
        ]
        for number, column in enumerate(self.whole_numbers.values()):
            inner.append(f"{column} AS value_{number}")
            outer += [f"count(value_{number}) AS values_{number}"]
            outer += [f"sum(CAST(value_{number} AS {WIDE})) AS sum_{number}"]
        rows = f"SELECT {', '.join(inner)} FROM {self.relation} WHERE {within(self.dated, self.slices)}"
        # A query without rows would not tell the time.
        return (
            "SELECT extract(epoch FROM current_timestamp) AS clock, found.* FROM (SELECT 1) clocks LEFT JOIN "
            f"(SELECT {', '.join(outer)} FROM ({rows}) landed GROUP BY place) found ON true"
        )

    def _number(self, bound: str) -> str:
        """Days or microseconds since 1970, exactly: an instant's epoch may be a double."""
        if self.is_date:
            return f"{bound} - DATE '1970-01-01'"
        seconds = f"CAST(extract(epoch FROM date_trunc('second', {bound})) AS bigint)"
        return f"{seconds} * 1000000 + CAST(extract(microseconds FROM {bound}) AS bigint) % 1000000"

    def of_database(self, rows: Sequence[Mapping[str, Any]]) -> Counted:
        """What the result of :attr:`sql` says."""
        proofs = {each.batch_date: Proof() for each in self.slices}
        found = [row for row in rows if row["place"] is not None]
        for row in found:
            sums = {
                name: Sum(row[f"values_{number}"], row[f"sum_{number}"] or 0)
                for number, name in enumerate(self.whole_numbers)
            }
            date = self.slices[row["place"]].batch_date
            proofs[date] = Proof(row["counted"], row["first"], row["last"], sums, row["digests"])
        parts = [row for row in found if self.part and row["lowest"] is not None]
        return Counted(
            dt.datetime.fromtimestamp(rows[0]["clock"], dt.UTC),
            proofs,
            min((row["lowest"] for row in parts), default=None),
            max((row["highest"] for row in parts), default=None),
        )

    def of_extract(self, paths: Sequence[Path]) -> Proof:
        """What the Parquet files of one batch date hold, read back a piece at a time."""
        with ThreadPoolExecutor(READERS) as pool:
            return _merged(pool.map(self._of_file, paths))

    def _of_file(self, path: Path) -> Proof:
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        def parts(file: pq.ParquetFile) -> Iterator[Proof]:
            yield Proof(file.metadata.num_rows)
            for batch in file.iter_batches(columns=columns) if columns else ():
                sums = {}
                for name in self.whole_numbers:
                    # 64 bits would overflow silently.
                    total = pc.sum(batch[name].cast(pa.decimal128(38, 0))).as_py()
                    sums[name] = Sum(len(batch) - batch[name].null_count, int(total or 0))
                first = last = None
                if self.date_name is not None:
                    bounds = pc.min_max(batch[self.date_name].cast(kind))
                    first, last = (bounds[side].cast(number).as_py() for side in ("min", "max"))
                yield Proof(0, first, last, sums)

        columns = [*self.whole_numbers, *([self.date_name] if self.date_name is not None else [])]
        kind, number = (pa.date32(), pa.int32()) if self.is_date else (pa.timestamp("us", "UTC"), pa.int64())
        with pq.ParquetFile(path) as file:
            return _merged(parts(file))

    def differences(self, before: Proof, read: Proof, after: Proof) -> Iterator[str]:
        """What changed between the counts, or was read otherwise, in words; nothing where all agree."""
        if not before.rows == read.rows == after.rows:
            yield f"{before.rows} rows before, {read.rows} read, {after.rows} after"
        for name in self.whole_numbers:
            sums = [proof.sums.get(name, Sum()) for proof in (before, read, after)]
            if len(set(sums)) > 1:
                yield f"sum of {name} {sums[0]} before, {sums[1]} read, {sums[2]} after"
        bounds = {(proof.first, proof.last) for proof in (before, after, *([read] if self.date_name else []))}
        if len(bounds) > 1:
            yield f"other bounds of {self.date_name or 'the date column'}"
        if before.digest != after.digest:
            yield "other values in some rows after than before"


def _merged(parts: Iterable[Proof]) -> Proof:
    """The proof of all rows, from those of parts of them."""
    rows, first, last, sums = 0, None, None, dict[str, Sum]()
    for part in parts:
        rows += part.rows
        first = min((each for each in (first, part.first) if each is not None), default=None)
        last = max((each for each in (last, part.last) if each is not None), default=None)
        for name, each in part.sums.items():
            known = sums.get(name, Sum())
            sums[name] = Sum(known.values + each.values, known.total + each.total)
    return Proof(rows, first, last, sums)
