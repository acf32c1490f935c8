"""What a database says of the rows of a batch date, and what their extract holds: the two must agree.

Rows, the least and the greatest of the date column, and the sum and number of values of each whole-number column are
the same in any database and in Parquet. Where a database can also give all declared values of a row one number, it is
asked for the sum of those before and after, so that a change in place shows whatever the column.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from spark_jobs.landing.sources.slices import Slice, within

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

READERS = 8
# The widest number that databases, Spark and Arrow have in common: 10^19 rows of 64 bits.
WIDE = "DECIMAL(38, 0)"


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
        digest: of all declared columns; None where it is not known.
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
    """What is counted.

    Attributes:
        whole_numbers: columns to be added up, by name, as the database writes them.
        keeps_dates: whether the extract has the date column, too.
        row_digest: SQL for a number that a row is known by; None where the database has none.
    """

    relation: str
    date_column: str
    is_date: bool
    slices: Sequence[Slice]
    partition_column: str | None
    whole_numbers: Mapping[str, str]
    keeps_dates: bool
    row_digest: str | None

    @property
    def sql(self) -> str:
        """A query for the database's clock, beside one row per batch date that has rows."""
        places = " ".join(
            f"WHEN {within(self.date_column, [each])} THEN {place}" for place, each in enumerate(self.slices)
        )
        inner = [f"CASE {places} END AS place", f"{self.date_column} AS dated"]
        outer = ["place", "count(*) AS counted", "min(dated) AS first_one", "max(dated) AS last_one"]
        inner.append(f"{self.partition_column or 0} AS part")
        outer += ["min(part) AS lowest", "max(part) AS highest"]
        inner.append(f"{self.row_digest or 'NULL'} AS digest")
        outer.append(f"CAST(sum(CAST(digest AS {WIDE})) AS {WIDE}) AS digests")
        for place, column in enumerate(self.whole_numbers.values()):
            inner.append(f"{column} AS value_{place}")
            outer += [f"count(value_{place}) AS values_{place}"]
            outer += [f"CAST(sum(CAST(value_{place} AS {WIDE})) AS {WIDE}) AS sum_{place}"]
        rows = f"SELECT {', '.join(inner)} FROM {self.relation} WHERE {within(self.date_column, self.slices)}"
        # A query without rows would not tell the time.
        return (
            f"SELECT current_timestamp AS clock, found.* FROM (SELECT count(*) AS nothing FROM {self.relation} "
            f"WHERE 1 = 0) clocks LEFT JOIN (SELECT {', '.join(outer)} FROM ({rows}) landed GROUP BY place) found "
            "ON 1 = 1"
        )

    def of_database(self, found: DataFrame) -> Counted:
        """What the result of :attr:`sql` says."""
        numbers = [f"{kind}_{place}" for place in range(len(self.whole_numbers)) for kind in ("values", "sum")]
        names = ["clock", "place", "counted", "first", "last", "lowest", "highest", "digest", *numbers]
        since_1970 = "unix_date" if self.is_date else "unix_micros"
        # Times as numbers, which Python would otherwise move into its own zone; names as some databases return them.
        rows = (
            found.toDF(*names)
            .selectExpr(
                "unix_micros(clock) AS clock",
                *(f"{since_1970}({bound}) AS {bound}" for bound in ("first", "last")),
                *(name for name in names if name not in ("clock", "first", "last")),
            )
            .collect()
        )
        proofs = {each.batch_date: Proof() for each in self.slices}
        for row in rows:
            if row["place"] is not None:
                sums = {
                    name: Sum(row[f"values_{place}"], int(row[f"sum_{place}"] or 0))
                    for place, name in enumerate(self.whole_numbers)
                }
                digest = None if row["digest"] is None else int(row["digest"])
                date = self.slices[int(row["place"])].batch_date
                proofs[date] = Proof(row["counted"], row["first"], row["last"], sums, digest)
        parts = [(row["lowest"], row["highest"]) for row in rows if self.partition_column and row["lowest"] is not None]
        return Counted(
            dt.datetime.fromtimestamp(rows[0]["clock"] / 1e6, dt.UTC),
            proofs,
            min((int(lowest) for lowest, _ in parts), default=None),
            max((int(highest) for _, highest in parts), default=None),
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
                    # 64 bits would overflow without a word.
                    total = pc.sum(batch[name].cast(pa.decimal128(38, 0))).as_py()
                    sums[name] = Sum(len(batch) - batch[name].null_count, int(total or 0))
                first = last = None
                if self.keeps_dates:
                    bounds = pc.min_max(batch[self.date_column])
                    first, last = (bounds[side].cast(kind).as_py() for side in ("min", "max"))
                yield Proof(0, first, last, sums)

        columns = [*self.whole_numbers, *([self.date_column] if self.keeps_dates else [])]
        columns = list(dict.fromkeys(columns))
        kind = pa.int32() if self.is_date else pa.int64()
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
        bounds = {(proof.first, proof.last) for proof in (before, after, *([read] if self.keeps_dates else []))}
        if len(bounds) > 1:
            yield f"other bounds of {self.date_column}"
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
