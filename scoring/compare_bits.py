"""Two tables of scores compared, bit for bit and column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightshift.declarations.tables import PARTITION, REASONS, Table

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

EXAMPLES = 5


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        rows: published rows that were looked at.
        equal: of them, those that came out the same in every column.
        not_recomputed: of them, those of which there is no other.
        not_published: recomputed rows of which no published one is known.
        columns: how many rows differ in a column, for those in which any does.
        examples: some differing rows: their key, and of each differing column both values.
    """

    rows: int
    equal: int
    not_recomputed: int
    not_published: int
    columns: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[Mapping[str, Any]] = ()

    @property
    def differing(self) -> int:
        """Rows that are in both, and differ."""
        return self.rows - self.equal - self.not_recomputed

    @property
    def same(self) -> bool:
        """Whether everything is equal."""
        return self.equal == self.rows and not self.not_published


def compare_rows(published: DataFrame, again: DataFrame, table: Table, columns: Sequence[str]) -> Comparison:
    """Compare the rows of two frames that have one key; one Spark job, and one more where anything differs.

    Args:
        columns: of ``table``, those that are compared.
    """
    from pyspark.sql import functions as F

    key = [PARTITION, *table.keys]
    compared = [name for name in columns if name not in key]
    both = _texts(published, table, key, compared, "then").join(
        _texts(again, table, key, compared, "now"), on=key, how="full_outer"
    )
    is_pair = F.col("then").isNotNull() & F.col("now").isNotNull()
    differs = {name: is_pair & ~F.col(f"then.{name}").eqNullSafe(F.col(f"now.{name}")) for name in compared}
    differing = F.array_compact(F.array(*(F.when(wrong, F.lit(name)) for name, wrong in differs.items())))
    both = both.withColumn("differing", differing)
    sums = both.agg(
        F.count("then").alias("rows"),
        F.count_if(is_pair & (F.size("differing") == 0)).alias("equal"),
        F.count_if(F.col("now").isNull()).alias("not_recomputed"),
        F.count_if(F.col("then").isNull()).alias("not_published"),
        *(F.count_if(F.array_contains("differing", name)).alias(f"differing_{name}") for name in compared),
    ).collect()[0]
    found = Comparison(
        sums["rows"],
        sums["equal"],
        sums["not_recomputed"],
        sums["not_published"],
        {name: sums[f"differing_{name}"] for name in compared if sums[f"differing_{name}"]},
    )
    if found.same:
        return found
    wrong = both.where(~is_pair | (F.size("differing") > 0)).orderBy(*key).limit(EXAMPLES)
    return Comparison(
        found.rows,
        found.equal,
        found.not_recomputed,
        found.not_published,
        found.columns,
        [_example(row.asDict(recursive=True), key) for row in wrong.collect()],
    )


def _texts(rows: DataFrame, table: Table, key: Sequence[str], columns: Sequence[str], alias: str) -> DataFrame:
    from pyspark.sql import functions as F

    types = {column.name: column.type for column in table.data_columns}
    return rows.select(*key, F.struct(*(_text(name, types[name]).alias(name) for name in columns)).alias(alias))


def _text(name: str, kind: str) -> Column:
    """A value as a text that no other value has: Java writes as many digits of a double as tell it from all others."""
    from pyspark.sql import functions as F

    return F.to_json(F.col(name)) if kind == REASONS else F.col(name).cast("string")


def _example(row: Mapping[str, Any], key: Sequence[str]) -> dict[str, Any]:
    example: dict[str, Any] = {"key": {name: str(row[name]) for name in key}}
    if row["now"] is None:
        return example | {"missing": "was published, and is not among the recomputed rows"}
    if row["then"] is None:
        return example | {"missing": "was recomputed, and is not among the published rows"}
    return example | {
        "differing": {name: {"then": row["then"][name], "now": row["now"][name]} for name in row["differing"]}
    }
