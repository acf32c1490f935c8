"""What a table is: columns, grain, keys, rules, partition, path and owner, each declared once.

Readers' schemas, quarantine rules, audits, dbt's sources, contracts and reference pages are derived from it.
`nightshift.declarations.catalog` finds the declarations.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal, Self, get_args

from pydantic import Field, PositiveInt, model_validator

from nightshift.dates import Length
from nightshift.declarations import column_patterns
from nightshift.declarations.dates_section import HasLengths
from nightshift.declarations.source import DeclaredSource
from nightshift.declarations.thresholds import Thresholds
from nightshift.declarations.yaml_form import Declared, InHome, Name
from nightshift.storage import Location

PARTITION = "batch_date"
# Short name of the table that every use case has of what was not accepted.
QUARANTINE = "bronze.quarantine"
Layer = Literal["bronze", "silver", "gold"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
Reasons = Literal["array<struct<feature:string,value:string,contribution:double,phrase:string>>"]
SqlType = Literal["string", "int", "bigint", "double", "boolean", "date", "timestamp"] | Reasons
# The only nested type: why a score is what it is. DuckDB, Polars and pandas read lists of structs as well.
(REASONS,) = get_args(Reasons)
NUMBERS = ("int", "bigint", "double")
PiiClass = Literal["name", "contact", "identifier", "financial", "location", "other"]


class Column(Declared):
    """One column: its type, its meaning, and what may stand in it."""

    name: Name
    type: SqlType
    description: str
    unit: str | None = None
    required: bool = Field(False, description="Never null.")
    accepted: tuple[str, ...] | None = Field(None, description="The only values that are allowed.")
    pattern: str | None = Field(None, description="Regular expression that the whole text must match.")
    minimum: float | None = None
    maximum: float | None = None
    role: Literal["feature", "lineage", "version"] | None = Field(
        None,
        description=(
            "`feature`: an input of the model. `lineage`: added when landing, not part of the file. `version`: which "
            "version of something a row comes from; a name, even where it is a number, which does not drift."
        ),
    )
    categorical: bool = Field(False, description="For features: a category, not a quantity.")
    group: str | None = Field(None, description="For features: the family it belongs to, like `calendar`.")
    pii: PiiClass | None = Field(None, description="What it tells of a person; its values are then never stored as is.")
    treatment: Literal["tokenise", "drop"] = Field(
        "tokenise", description="For personal data: replaced by a keyed token, or by null."
    )
    since: PositiveInt = Field(1, description="Version of the table in which the column came.")
    until: PositiveInt | None = Field(None, description="Version from which it is no longer delivered: null from then.")
    was: Name | None = Field(None, description="Older column whose values the dates before `since` have.")

    def is_gone(self, version: int) -> bool:
        """Whether it is no longer delivered in that version of its table."""
        return self.until is not None and self.until <= version

    @model_validator(mode="after")
    def _constraints_fit_the_type(self) -> Self:
        if self.type != "string" and (self.accepted is not None or self.pattern is not None):
            raise ValueError(f"accepted and pattern are for strings, and its type is {self.type}")
        if self.accepted is not None and (not self.accepted or len(set(self.accepted)) < len(self.accepted)):
            raise ValueError("accepted must list at least one value, and none twice")
        if self.type not in NUMBERS and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"minimum and maximum are for {', '.join(NUMBERS)}, and its type is {self.type}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is over maximum {self.maximum:g}: no value could stand in it")
        if self.pattern is not None and (fault := column_patterns.fault(self.pattern)):
            raise ValueError(f"pattern {fault}")
        return self

    @model_validator(mode="after")
    def _versions_are_in_order(self) -> Self:
        if self.until is not None and self.until <= self.since:
            raise ValueError(f"until {self.until} must be over since {self.since}: it was never delivered")
        if self.was is not None and self.since == 1:
            raise ValueError(f"was: {self.was} needs since, the version in which the name changed")
        return self

    @model_validator(mode="after")
    def _personal_data_can_be_hidden(self) -> Self:
        if self.pii is None:
            if "treatment" in self.model_fields_set:
                raise ValueError("treatment is for personal data: give pii, too")
        elif self.treatment == "tokenise" and self.type != "string":
            raise ValueError(f"it holds personal data and becomes a token, so its type must be string, not {self.type}")
        elif self.treatment == "drop" and self.required:
            raise ValueError("its values are dropped, so it can't be required")
        return self


class Rule(Declared):
    """A condition between columns that every landed row must meet, or it goes to quarantine."""

    name: Name
    must: str = Field(description="SQL predicate over the declared columns and batch_date.")
    why: str


class Change(Declared):
    """When a version of a table began."""

    version: int = Field(ge=2)
    first: dt.date = Field(description="First batch date that comes in it; from then on, the form of before blocks.")


class Agreement(Declared):
    """A sum over a table that must equal one over another table, per batch date."""

    name: Name
    why: str
    table: str = Field(description="The other table, like `silver.outcomes`.")
    own: str = Field("count(*)", description="SQL aggregate over this table's slice.")
    other: str = Field("count(*)", description="SQL aggregate over the other table's slice.")
    days_before: int = Field(0, ge=0, description="How much earlier the other table's batch date is.")
    deliveries_before: int | None = Field(None, ge=0, description="The same in deliveries, instead of days.")

    @model_validator(mode="after")
    def _step_once(self) -> Self:
        if {"days_before", "deliveries_before"} <= self.model_fields_set:
            raise ValueError("deliveries_before and days_before say the same twice: keep the one that is meant")
        return self

    @property
    def step(self) -> Length:
        """How much earlier the other table's batch date is."""
        deliveries = self.deliveries_before
        return Length(self.days_before) if deliveries is None else Length(deliveries, "deliveries")

    @property
    def is_linear(self) -> bool:
        """Whether a share of each value gives the same share of both aggregates."""
        return all(
            re.fullmatch(r"(sum|avg|min|max)\(`?\w+`?\)", each, re.IGNORECASE) for each in (self.own, self.other)
        )


class Table(InHome, HasLengths):
    """One table of one use case."""

    use_case: Name
    layer: Layer
    name: Name
    description: str
    grain: str = Field(description="What one row is, like 'one row per order'.")
    keys: tuple[Name, ...] = Field(description="Columns that identify a row, batch_date aside.")
    owner: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    source: DeclaredSource | None = None
    version: PositiveInt = Field(1, description="Raised by every change of the columns.")
    changed: tuple[Change, ...] = ()
    retention_days: PositiveInt | None = Field(None, description="How long batch dates are kept; unset: for good.")
    freshness_hours: PositiveInt | None = Field(
        None, description="How old the newest batch date may be, from its midnight, before someone should look."
    )
    consumers: tuple[str, ...] = Field((), description="Teams, reports and models that read it.")
    unique_for_days: int = Field(0, ge=0, description="Keys must not occur in so many days before, either.")
    unique_for_deliveries: int | None = Field(None, ge=0, description="The same in deliveries, instead of days.")
    agrees_with: tuple[Agreement, ...] = ()
    thresholds: Thresholds = Field(Thresholds(), description="Thresholds for unusual slices.")

    @property
    def unique_for(self) -> Length:
        """How long before a batch date its keys must not occur, either."""
        return self.length("unique_for")

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Self:
        names = {column.name for column in self.columns}
        for kind, given in (
            ("columns", [column.name for column in self.columns]),
            ("rules", [rule.name for rule in self.rules]),
            ("agrees_with", [agreement.name for agreement in self.agrees_with]),
            ("keys", list(self.keys)),
        ):
            if twice := [name for name, times in Counter(given).items() if times > 1]:
                raise ValueError(f"{kind} has {_listed(twice)} more than once")
        if unknown := [key for key in self.keys if key not in names - {PARTITION}]:
            raise ValueError(f"keys: {_listed(unknown)} is no column of it, batch_date aside")
        if gone := [
            column.name for column in self.columns if column.name in self.keys and column.is_gone(self.version)
        ]:
            raise ValueError(f"keys: {_listed(gone)} is no longer delivered")
        return self

    @model_validator(mode="after")
    def _columns_fit_the_version(self) -> Self:
        order = [(change.version, change.first) for change in self.changed]
        if any(version > self.version for version, _ in order):
            raise ValueError(f"changed names a version after version {self.version} of the table: raise it")
        if any(a[0] >= b[0] or a[1] >= b[1] for a, b in itertools.pairwise(order)):
            raise ValueError("changed must name each version once, later ones with later batch dates")
        columns = {column.name: column for column in self.columns}
        for column in self.columns:
            if max(column.since, column.until or 1) > self.version:
                raise ValueError(
                    f"column {column.name} changes with a version after version {self.version} of the table: raise it"
                )
            if column.required and column.is_gone(self.version):
                raise ValueError(f"column {column.name} is no longer delivered, so it can't be required")
            if column.was is None:
                continue
            if column.was not in columns:
                raise ValueError(
                    f"column {column.name} was {column.was}, which is no column: keep that one, with until"
                )
            if columns[column.was].until != column.since:
                raise ValueError(
                    f"column {column.name} was {column.was}, so that one needs until: {column.since}, its own since"
                )
            if (columns[column.was].pii, columns[column.was].treatment) != (column.pii, column.treatment):
                raise ValueError(
                    f"column {column.name} was {column.was}, whose values it has on older dates: both need the same "
                    "pii and treatment"
                )
        return self

    @model_validator(mode="after")
    def _newest_can_be_told(self) -> Self:
        name = self.source.newest_by if self.source else None
        column = next((column for column in self.columns if column.name == name), None)
        if name is not None and (column is None or column.role == "lineage"):
            raise ValueError(f"source.newest_by: {name} is no column that its files hold")
        if column is not None and (column.pii is not None or column.type not in (*NUMBERS, "date", "timestamp")):
            kind = "personal data" if column.pii else column.type
            raise ValueError(f"source.newest_by: {name} is {kind}; name a number, a date or a timestamp")
        return self

    @model_validator(mode="after")
    def _fits_its_layer(self) -> Self:
        if self.source is not None and self.layer != "bronze":
            raise ValueError(f"only bronze tables have a source, and it is {self.layer}")
        if self.layer != "gold" and (nested := [column.name for column in self.columns if column.type == REASONS]):
            raise ValueError(f"columns {_listed(nested)}: only gold tables have reasons, and it is {self.layer}")
        if self.rules and self.source is None:
            raise ValueError("rules judge rows as they land, and it has no source: put them on its bronze table")
        if self.layer == "gold" and (personal := [column.name for column in self.columns if column.pii]):
            raise ValueError(f"columns {_listed(personal)}: personal data ends in silver, gold tables hold none")
        return self

    @property
    def location(self) -> Location:
        """Folder of the Delta table."""
        return self.home.lake / self.layer / self.use_case / self.name

    @property
    def short_name(self) -> str:
        """Name within the use case, like ``gold.scores``; what `Catalog` finds it by."""
        return f"{self.layer}.{self.name}"

    @property
    def full_name(self) -> str:
        """Name for people, dbt's sources and `nightshift sql`, like ``gold.shop_scores``."""
        return f"{self.layer}.{self.identifier}"

    @property
    def view(self) -> str:
        """Name of its view in a Spark session, where a job gave it one (`lake.register`)."""
        return f"global_temp.{self.layer}_{self.identifier}"

    @property
    def identifier(self) -> str:
        """Name within its layer's schema, like ``shop_scores``."""
        return f"{self.use_case}_{self.name}"

    @property
    def label(self) -> str:
        """Short form for people and logs, like ``gold/shop/scores``."""
        return f"{self.layer}/{self.use_case}/{self.name}"

    @property
    def ddl(self) -> str:
        """Schema in Spark's DDL form, batch_date first."""
        return ", ".join([f"{PARTITION} date", *(f"`{column.name}` {column.type}" for column in self.data_columns)])

    @property
    def data_columns(self) -> tuple[Column, ...]:
        """The columns without batch_date."""
        return tuple(column for column in self.columns if column.name != PARTITION)

    def readable_forms_of(self, column: Column) -> tuple[Column, ...]:
        """Those of its forms that can be cast to its type; numbers and booleans never cast to dates."""
        return tuple(form for form in self.forms_of(column) if _is_castable(form.type, column.type))

    def forms_of(self, column: Column) -> tuple[Column, ...]:
        """The column, the one that it `was`, and so on back to the first."""
        columns = {each.name: each for each in self.columns}
        forms = [column]
        while (older := forms[-1].was) is not None:
            forms.append(columns[older])
        return tuple(forms)

    @property
    def delivered_columns(self) -> tuple[Column, ...]:
        """The columns that a file of the table's version holds."""
        return tuple(
            column
            for column in self.data_columns
            if column.role != "lineage" and column.since <= self.version and not column.is_gone(self.version)
        )

    @property
    def column_names(self) -> list[str]:
        """All columns in order, batch_date first."""
        return [PARTITION, *(column.name for column in self.data_columns)]

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that are inputs of the model."""
        return tuple(column for column in self.columns if column.role == "feature")

    def exists(self) -> bool:
        """Whether anything was ever published to it."""
        return any(file.name.endswith(".json") for file in (self.location / "_delta_log").walk())


def _is_castable(kind: str, other: str) -> bool:
    kinds = {kind, other}
    return "string" in kinds or len(kinds & {"date", "timestamp"}) in (0, len(kinds))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
