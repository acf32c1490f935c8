"""What use_case.yaml says of a training, checked against the tables that it names: before any row is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.score_names import FEATURE_TABLE
from nightshift.declarations.sql_checks import known_when_faults
from nightshift.declarations.tables import NUMBERS, Table
from nightshift.declarations.training_section import BATCH_DATE, BINARY
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError
from nightshift.models.encoding import check_types

# Names of the columns that training adds to the rows of the feature table. No declared column can begin with "_".
LABEL, WEIGHT = "label", "_weight"
# 0 and 1 of a whole number are as good a label as false and true; other values are refused when they are seen.
_BINARY_LABELS = ("boolean", "int", "bigint")
# What names a customer or a branch; other types are quantities, or have a handful of values.
_UNITS = ("string", "int", "bigint")


def check_declarations(catalog: Catalog) -> None:
    """Hold the target, the features and the columns that `training` names against the declared tables.

    Raises:
        NightshiftError: naming every field of use_case.yaml that is wrong, and what it could be.
    """
    use_case, features = catalog.use_case, catalog[FEATURE_TABLE]
    check_types(features)
    labels = catalog[f"silver.{use_case.target.table}"]
    faults = [
        *_label_faults(use_case, features, labels),
        *known_when_faults(catalog),
        *_column_faults(use_case, features),
    ]
    if faults:
        raise DeclarationError(
            f"{use_case.folder / 'use_case.yaml'} does not fit its tables:\n  " + "\n  ".join(faults)
        )


def carried_columns(use_case: UseCase) -> tuple[str, ...]:
    """Columns of the feature table by whose values a model is judged, features or not."""
    training = use_case.training
    units = [] if training.independent_unit == BATCH_DATE else [training.independent_unit]
    return tuple(dict.fromkeys([*training.slices, *training.fairness, *units]))


def _label_faults(use_case: UseCase, features: Table, labels: Table) -> Iterator[str]:
    column = use_case.target.column
    if missing := [name for name in (*features.keys, column) if name not in labels.column_names]:
        yield (
            f"target.table: {labels.label} lacks {', '.join(missing)}; it must hold the keys of {features.label} and "
            "the column of `target`"
        )
    declared = {declared.name: declared for declared in labels.columns}.get(column)
    allowed = _BINARY_LABELS if use_case.task == BINARY else NUMBERS
    if declared is not None and declared.type not in allowed:
        yield (
            f"target.column: {column} of {labels.label} is a {declared.type}, and a {use_case.task} task needs one "
            f"of {', '.join(allowed)}"
        )
    unknown = use_case.target.if_unknown
    if declared is not None and unknown is not None and not _fits(unknown, declared.type):
        yield (
            f"target.if_unknown: {column} of {labels.label} is a {declared.type}, and {str(unknown).lower()} is none"
        )
    if LABEL in features.column_names:
        yield f"{features.label} has a column {LABEL!r}, which training adds itself: call it otherwise"


def _fits(value: bool | float, kind: str) -> bool:
    """Whether a value is one of a column's type."""
    if kind == "boolean" or isinstance(value, bool):
        return kind == "boolean" and isinstance(value, bool)
    return kind == "double" or float(value).is_integer()


def _column_faults(use_case: UseCase, features: Table) -> Iterator[str]:
    training = use_case.training
    quantities = [column.name for column in features.features if not column.categorical]
    categories = [column.name for column in features.features if column.categorical]
    for name in training.monotone:
        if name in categories:
            yield f"training.monotone: {name} is a category, which has no order; only quantities can be monotone"
        elif name not in quantities:
            yield (
                f"training.monotone: {name} is no feature of {features.label}; quantities there: {_listed(quantities)}"
            )
    for name in training.cleared_features:
        if name not in (*quantities, *categories):
            yield (
                f"training.cleared_features: {name} is no feature of {features.label}; features there: "
                f"{_listed([*quantities, *categories])}"
            )
    for field, names in (("slices", training.slices), ("fairness", training.fairness)):
        for name in names:
            if name not in features.column_names:
                yield (
                    f"training.{field}: {name} is no column of {features.label}; columns there: "
                    f"{_listed(features.column_names)}"
                )
    yield from _unit_faults(training.independent_unit, features)


def _unit_faults(unit: str, features: Table) -> Iterator[str]:
    if unit == BATCH_DATE:
        return
    declared = next((column for column in features.columns if column.name == unit), None)
    if declared is None:
        yield (
            f"training.independent_unit: {unit} is no column of {features.label}; it is {BATCH_DATE}, or one of "
            f"{_listed(column.name for column in features.columns if column.type in _UNITS)}"
        )
    elif declared.type not in _UNITS:
        yield (
            f"training.independent_unit: {unit} of {features.label} is a {declared.type}, and what names a unit is one "
            f"of {', '.join(_UNITS)}"
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
