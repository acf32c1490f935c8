"""Sums that must agree between tables (`agrees_with`): a staged slice against the published slice of another."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import PARTITION, Agreement, Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import MissingError
from nightshift.lake.audit_report import EXAMPLES, Check
from nightshift.lake.missing_dates import unpublished

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Sums of fractions depend on the order of the rows in their last digits.
RELATIVE_TOLERANCE = 1e-9
# A power of two, which rounds nothing but what is next to zero beside the largest.
SHARE = 2.0**-128
Sums = dict[dt.date, list[Any]]


def agreement_checks(rows: DataFrame, table: Table, dates: BatchDates) -> Iterator[Check]:
    """One check per declared agreement; reads the slice once, and each other slice once."""
    agreements = sorted(table.agrees_with, key=_other_slice)
    if not agreements:
        return
    use_case = UseCase.load(table.use_case, table.home)
    catalog = Catalog(use_case)
    own = _sums(rows, [*(agreement.own for agreement in agreements), "count(*)"], dates)
    filled = {date for date, sums in own.items() if sums[-1]}
    place = 0
    for (name, _, _), group in groupby(agreements, key=_other_slice):
        same = list(group)
        columns = slice(place, place + len(same))
        place += len(same)
        mine = {date: sums[columns] for date, sums in own.items()}
        other = catalog[name]
        theirs = {date: dates.calendar.last_due(date, same[0].step) for date in dates}
        # Before the first batch date there is nothing to agree with.
        judged = {date: other_date for date, other_date in theirs.items() if other_date >= use_case.dates.first}
        if judged:
            # Where this slice has no rows, the other need not be there either.
            _refuse_unpublished(other, {other_date for date, other_date in judged.items() if date in filled})
        yield from _against(rows, other, judged, same, mine)


def _other_slice(agreement: Agreement) -> tuple[str, int, str]:
    return agreement.table, agreement.step.count, agreement.step.unit


def _against(
    rows: DataFrame,
    other: Table,
    judged: Mapping[dt.date, dt.date],
    agreements: Sequence[Agreement],
    own: Sums,
) -> Iterator[Check]:
    """The checks of the agreements with one other table, whose batch date stands beside each of this one's."""
    if not judged:
        yield from (_check(agreement, [], 0) for agreement in agreements)
        return
    theirs = BatchDates(min(judged.values()), max(judged.values()))
    found = lake.read(rows.sparkSession, other, theirs) if other.exists() else _empty(rows, other)
    sums = _sums(found, [agreement.other for agreement in agreements], judged.values())
    mine = {date: own[date] for date in judged}
    if _overflows(mine) or _overflows(sums):
        mine_small = _sums(_small(rows), [agreement.own for agreement in agreements], judged)
        sums_small = _sums(_small(found), [agreement.other for agreement in agreements], judged.values())
    for number, agreement in enumerate(agreements):
        differing: list[Mapping[str, Any]] = []
        for date, other_date in judged.items():
            one, other_one = mine[date][number], sums[other_date][number]
            compared = one, other_one
            if not (_is_finite(one) and _is_finite(other_one)) and agreement.is_linear:
                compared = mine_small[date][number], sums_small[other_date][number]
            if not _agree(*compared):
                differing.append(
                    {"batch_date": str(date), "own": one, "other": other_one, "other batch date": str(other_date)}
                )
        yield _check(agreement, differing, len(judged))


def _refuse_unpublished(other: Table, dates: Iterable[dt.date]) -> None:
    """A slice that was published without rows has a sum; one that was never published has none.

    Raises:
        NightshiftError: naming the dates, if there are any.
    """
    if missing := unpublished(other, dates):
        raise MissingError(
            f"{other.label} was never published for {', '.join(str(date) for date in missing[:EXAMPLES])}"
            f"{' and more' if len(missing) > EXAMPLES else ''}: run the stage that writes it, then this one again"
        )


def _overflows(sums: Sums) -> bool:
    return not all(_is_finite(value) for values in sums.values() for value in values)


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _small(rows: DataFrame) -> DataFrame:
    """Rows with a tiny share of each double, of which the sums of any number can be held; nothing is rounded."""
    from pyspark.sql import functions as F

    doubles = [name for name, kind in rows.dtypes if kind == "double"]
    return rows.withColumns({name: F.col(name) * F.lit(SHARE) for name in doubles})


def _sums(rows: DataFrame, aggregates: Sequence[str], dates: Iterable[dt.date]) -> Sums:
    """The aggregates of each batch date, in one job; in another, where they are too large for whole numbers."""
    from pyspark.errors import ArithmeticException
    from pyspark.sql import functions as F

    try:
        return _computed(rows, aggregates, dates)
    except ArithmeticException:
        whole = [name for name, kind in rows.dtypes if kind in ("int", "bigint")]
        wide = {name: F.col(name).cast("decimal(20,0)") for name in whole}
        return _computed(rows.withColumns(wide), aggregates, dates)


def _computed(rows: DataFrame, aggregates: Sequence[str], dates: Iterable[dt.date]) -> Sums:
    """The aggregates, in one job; a second, without rows, where a date has none."""
    from pyspark.sql import functions as F

    asked = [F.expr(aggregate).alias(f"sum_{number}") for number, aggregate in enumerate(aggregates)]
    sums = {row[PARTITION]: list(row)[1:] for row in rows.groupBy(PARTITION).agg(*asked).collect()}
    if missing := set(dates).difference(sums):
        of_nothing = list(rows.limit(0).agg(*asked).collect()[0])
        sums |= dict.fromkeys(missing, of_nothing)
    return sums


def _empty(rows: DataFrame, table: Table) -> DataFrame:
    return rows.sparkSession.createDataFrame([], table.ddl)


def _agree(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is None and other is None
    if not (_is_finite(one) and _is_finite(other)):
        return False  # Two sums that a double can't hold need not be the same.
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(float(one), float(other), rel_tol=RELATIVE_TOLERANCE, abs_tol=RELATIVE_TOLERANCE)
    return bool(one == other)


def _check(agreement: Agreement, examples: Sequence[Mapping[str, Any]], judged: int) -> Check:
    return Check(
        name=agreement.name,
        consequence="blocks",
        why=agreement.why,
        passed=not examples,
        examples=list(examples[:EXAMPLES]),
        observed=f"{len(examples)} of {judged} batch dates disagree: own {agreement.own}, "
        f"other {agreement.other} of {agreement.table}"
        if judged
        else f"{agreement.table} begins later than these batch dates could agree with",
    )
