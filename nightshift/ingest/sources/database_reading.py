"""What a database is asked for about the rows of some batch dates: counts, the rows, and which column can't be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightshift.ingest.landing.record_form import WITH_NULLS
from nightshift.ingest.privacy.person_files import ASIDE
from nightshift.ingest.sources import extract_layout
from nightshift.ingest.sources.database_connection import Connection
from nightshift.ingest.sources.database_refusal import DatabaseError
from nightshift.ingest.sources.date_bounds import place, within
from nightshift.ingest.sources.extract_proof import Counted, Counting
from nightshift.ingest.sources.relation_columns import Asked

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


@dataclass(frozen=True)
class Reading:
    """The rows of some batch dates; each question raises `DatabaseError` where the database refuses it.

    Attributes:
        declared, added: the columns that come under their names, and those that are kept aside.
    """

    spark: SparkSession
    connection: Connection
    counting: Counting
    declared: Sequence[Asked]
    added: Sequence[Asked]

    def counted(self) -> Counted:
        """What the database says of the rows."""
        return self.counting.of_database(self.connection.ask(self.spark, self.counting.sql))

    def rows(self, counted: Counted, partitions: int) -> DataFrame:
        """The rows: batch date, declared columns, and an object of all that is kept aside."""
        from pyspark.sql import functions as F

        # Names of a database may be any text, and alike but for their case: Spark never hears of them.
        declared = {f"c{number}": each for number, each in enumerate(self.declared)}
        added = {f"u{number}": each for number, each in enumerate(self.added)}
        dates = ", ".join(f"'{each.batch_date}'" for each in self.counting.slices)
        selected = [f"(ARRAY[{dates}])[{place(self.counting.dated, self.counting.slices)} + 1] AS dated"]
        selected += [f"{each.sql} AS {alias}" for alias, each in (declared | added).items()]
        if self.counting.part:
            selected.append(f"{self.counting.part} AS part")
        query = f"SELECT {', '.join(selected)} {self._rows}"
        return self.connection.read(self.spark, query, self._shared(counted, partitions)).select(
            F.col("dated").cast("date").alias(extract_layout.SLICE),
            *[F.col(alias).cast(each.type).alias(each.name) for alias, each in declared.items()],
            _object({each.name: F.col(alias) for alias, each in added.items()}).alias(ASIDE),
        )

    def unreadable(self, suspects: Sequence[Asked]) -> dict[str, DatabaseError]:
        """Those of some columns that the database can't give, each with its words.

        What is sent is UTF-8, so that a value of other bytes, which a database in SQL_ASCII may hold, can't be.
        """
        found = {}
        self.connection.ask(self.spark, "SELECT 1 AS one")
        for each in suspects:
            try:
                self.connection.ask(self.spark, f"SELECT count({_sent(each)}) AS counted {self._rows}")
            except DatabaseError as error:
                found[each.name] = error
        return found

    def culprit(self, error: DatabaseError) -> tuple[str | None, DatabaseError]:
        """The declared column that an error comes from, where it is one, and what the database says of it."""
        if error.state is not None and not error.is_about_values:
            return None, error
        try:
            return next(iter(self.unreadable(self.declared).items()), (None, error))
        except DatabaseError as worse:
            return None, worse

    @property
    def _rows(self) -> str:
        return f"FROM {self.counting.relation} WHERE {within(self.counting.dated, self.counting.slices)}"

    def _shared(self, counted: Counted, partitions: int) -> dict[str, str]:
        """Spark's options by which connections share the rows."""
        if partitions == 1 or counted.lowest is None or counted.highest is None:
            return {}
        return {
            "partitionColumn": "part",
            "lowerBound": str(counted.lowest),
            "upperBound": str(counted.highest + 1),
            "numPartitions": str(partitions),
        }


def _sent(column: Asked) -> str:
    return f"convert_to(CAST({column.sql} AS text), 'UTF8')"


def _object(values: Mapping[str, Column]) -> Column:
    """A JSON object of texts, nulls among them; null where there are none."""
    from pyspark.sql import functions as F

    if not values:
        return F.lit(None).cast("string")
    names = F.array(*[F.lit(name) for name in values])
    return F.to_json(F.map_from_arrays(names, F.array(*values.values())), WITH_NULLS)
