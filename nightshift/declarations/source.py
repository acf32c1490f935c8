"""Where a bronze table comes from: files of a delivery, or a relational database."""

from __future__ import annotations

import datetime as dt
import fnmatch
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, PositiveInt, Tag, model_validator

from nightshift.declarations.yaml_form import Declared, Name


class _Source(Declared):
    """What all kinds of sources have in common."""

    required: bool = Field(
        True,
        description=(
            "True: every delivery has it, and its rows are news of that date. False: it comes with some deliveries "
            "only, as a whole snapshot that counts until the next one comes: refine functions join it to other tables."
        ),
    )
    first_batch_date_offset: int = Field(0, ge=0, description="Days after the first batch date when it starts.")
    empty_allowed: bool = Field(False, description="Whether a delivery without rows clears the day or blocks it.")
    tolerated_quarantine_share: float | None = Field(
        None, ge=0, le=1, description="Share of rows per batch date that may be quarantined; unset: the use case's."
    )
    newest_by: Name | None = Field(
        None,
        description=(
            "Column by which the newest record of a key is found, the largest value being the newest. Unset, or where "
            "it is equal: by the names of the files, numbers in them as numbers, then by the place in the file."
        ),
    )

    def starts(self, first: dt.date) -> dt.date:
        """The batch date with which it begins to come.

        Args:
            first: the use case's first batch date.
        """
        return first + dt.timedelta(days=self.first_batch_date_offset)


class FileSource(_Source):
    """A table that arrives as files of a delivery."""

    file: str = Field(
        pattern=r"^([A-Za-z0-9_-][A-Za-z0-9_.-]*\*?|\*)[A-Za-z0-9_.-]*$",
        description="File name within the delivery; one `*` stands for any text, where several files come.",
    )
    format: Literal["csv", "jsonl", "parquet"]
    may_repeat: bool = Field(
        False,
        description="Whether a required file may be that of another date, byte for byte: an unchanged snapshot.",
    )

    def overlaps(self, other: FileSource) -> bool:
        """Whether a file could belong to both."""
        if "*" not in self.file:
            return other.holds(self.file)
        if "*" not in other.file:
            return self.holds(other.file)
        (start, end), (other_start, other_end) = self.file.split("*"), other.file.split("*")
        return (start.startswith(other_start) or other_start.startswith(start)) and (
            end.endswith(other_end) or other_end.endswith(end)
        )

    def holds(self, name: str) -> bool:
        """Whether a delivered file belongs to this source."""
        return fnmatch.fnmatchcase(name, self.file)


# Of a name in a database: as it is, or in double quotes, which are doubled within.
RELATION_PART = r"(?:\"(?:[^\"]|\"\")+\"|[^\".]+)"


class JdbcSource(_Source):
    """A table that is read from a relational database: the rows whose `date_column` falls on the batch date."""

    connection: Name = Field(
        description="Its URL, user and password stand in NIGHTSHIFT_JDBC_<CONNECTION>_URL, …_USER and …_PASSWORD."
    )
    relation: str = Field(
        pattern=rf"^{RELATION_PART}(\.{RELATION_PART})?$",
        description="Table or view, with its schema or without; a name that holds a dot stands in double quotes.",
    )
    date_column: str = Field(
        min_length=1, description="Date, or instant in the use case's time zone, that gives the batch date."
    )
    partition_column: str | None = Field(
        None, min_length=1, description="Integer column by whose ranges tasks share the reading."
    )
    names: dict[Name, str] = Field(
        {}, description="What the database calls a declared column, where more than its case differs."
    )
    partitions: PositiveInt = Field(1, description="How many connections read at once.")
    days_before: int = Field(
        0, ge=0, description="How many days before the batch date: 1 for what happened the day before and is known now."
    )
    settled_after_hours: int = Field(
        24, description="Hours after such a day begins until no more rows of it come, by the database's own clock."
    )

    def __hash__(self) -> int:
        # A mapping has no hash.
        return hash((self.connection, self.relation, self.date_column))

    @model_validator(mode="after")
    def _can_be_shared(self) -> Self:
        if self.partitions > 1 and self.partition_column is None:
            raise ValueError(
                f"partitions: {self.partitions} needs a partition_column by whose ranges they share the rows"
            )
        return self


Source = FileSource | JdbcSource


def _kind(raw: Any) -> str:
    """Which source is meant, so that messages name the fields of that kind alone."""
    is_query = isinstance(raw, JdbcSource) or (isinstance(raw, dict) and "connection" in raw)
    return "jdbc" if is_query else "file"


DeclaredSource = Annotated[
    Annotated[FileSource, Tag("file")] | Annotated[JdbcSource, Tag("jdbc")], Discriminator(_kind)
]
