"""Rejects unusable training data; names rows, columns, dates and the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightshift.declarations.label_deliveries import is_by_maturity
from nightshift.declarations.tables import Column, Table
from nightshift.declarations.training_section import BINARY
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DataError
from nightshift.figures import amount
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods

# What LightGBM's labels, which are float32, can hold.
LARGEST = float(np.finfo(np.float32).max)


def refuse_unmatured(rows: Rows, use_case: UseCase) -> None:
    """Refuse rows of which none has a label.

    Raises:
        NightshiftError: with the delivery that would bring the first labels.
    """
    if rows.table.num_rows:
        return
    total = sum(count for count, _ in rows.coverage.values())
    if rows.known_before:
        raise DataError(
            f"of {amount(total + rows.known_before, 'row')}, none has a label to learn from: the outcome of "
            f"{rows.known_before} had come with their own delivery or before it; have `target.cases` delivered "
            "without such cases, or declare `arrives: at_maturity` where the same keys have a label of their own for "
            "each batch date"
        )
    by = "by" if is_by_maturity(use_case) else "with"
    raise DataError(
        f"of {amount(total, 'row')}, none has a matured label: the label of D comes {by} the delivery of D + "
        f"{use_case.maturity}, in silver.{use_case.target.table} ({use_case.target.column} there is null or its row is "
        "missing); ingest those deliveries, or ask for an earlier range"
    )


def refuse_duplicates(rows: pa.Table, keys: Sequence[str]) -> None:
    """Refuse keys that occur more than once.

    Raises:
        NightshiftError: with their number and the first of them.
    """
    repeated = rows.group_by(list(keys)).aggregate([([], "count_all")]).filter(pc.field("count_all") > 1)
    if repeated.num_rows:
        raise DataError(
            f"{repeated.num_rows} keys ({', '.join(keys)}) occur more than once, the first: "
            f"{repeated.slice(0, 1).to_pylist()[0]}: features or labels are not unique; their audits should have "
            "seen it: run `refine` and `features` for that date again"
        )


def refuse_unfit_labels(labels: Mapping[str, pa.ChunkedArray], periods: Periods, use_case: UseCase) -> None:
    """Refuse a period without labels, with labels that are no labels of the task, or with equal ones only.

    Raises:
        NightshiftError: naming the period.
    """
    column = f"{use_case.target.column} of silver.{use_case.target.table}"
    for name, period in periods.items():
        values = labels[name].to_numpy()
        if not len(values):
            raise DataError(
                f"the {name} period {period} has no row with a matured label: ingest its deliveries and those that "
                "bring its labels, or choose other periods"
            )
        if use_case.task == BINARY:
            if wrong := np.unique(values[(values != 0) & (values != 1)]).tolist():
                raise DataError(
                    f"{column} holds {', '.join(f'{value:g}' for value in wrong[:5])} in the {name} period {period}, "
                    "and a binary task knows 0 and 1 only: make it a boolean, or set `task: regression`"
                )
        elif not_finite := int(np.sum(~(np.abs(values) <= LARGEST))):
            raise DataError(
                f"{column} is infinite or not a number in {not_finite} rows of the {name} period {period}: fix the "
                "transform that makes it, so that what is not known is null"
            )
        if (values == values[0]).all():
            raise DataError(
                f"all {len(values)} labels of the {name} period {period} are {values[0]:g}: nothing can be learned or "
                f"measured there; choose longer periods, or look at {column} (`target` in use_case.yaml)"
            )


def refuse_infinite(rows: pa.Table, columns: Sequence[Column]) -> None:
    """Refuse features with values that a float cannot hold.

    Raises:
        NightshiftError: with the number of such rows for each.
    """
    counts = {
        column.name: pc.sum(pc.is_inf(rows[column.name].cast(pa.float32(), safe=False))).as_py()
        for column in columns
        if pa.types.is_floating(rows[column.name].type)
    }
    found = [f"  {name}: {amount(count, 'row')}" for name, count in counts.items() if count]
    if found:
        raise DataError("these features hold infinite values: fix their SQL (`try_divide`)\n" + "\n".join(found))


def refuse_empty_features(rows: pa.Table, table: Table) -> None:
    """Refuse features that have no value in any row: not even a longer train period would make them one.

    Raises:
        NightshiftError: naming them.
    """
    empty = [column.name for column in table.features if not _has_value(rows[column.name])]
    if empty:
        raise DataError(
            f"these features of {table.label} have no value in any of the {rows.num_rows} rows: {', '.join(empty)}; "
            "fix their SQL and build the features again, ask for a range in which they have values, or take "
            "`role: feature` from them"
        )


def _has_value(values: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(values.type):
        return bool(pc.any(pc.invert(pc.is_nan(values))).as_py())
    return bool(values.null_count < len(values))
