"""What an audit looks at beside the declared suite: profile, history, agreements, uniqueness; it fails closed."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expectations import emptiness, personal_data
from expectations.earlier_profiles import History, load_earlier
from expectations.profile import profile, target_of
from expectations.sums_between_tables import agreement_checks
from expectations.uniqueness import uniqueness_checks
from expectations.unusual_slices import statistical_checks
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.home.outside_errors import explained
from nightshift.lake.audit_report import Check

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger("nightshift")
PROFILE_WHY = "Later slices are compared with this one's profile; without it, they would not be."


@dataclass
class Further:
    """The checks, and the profiles that they rest on."""

    checks: list[Check] = field(default_factory=list)
    profiles: dict[dt.date, dict[str, Any]] = field(default_factory=dict)
    history: History | None = None


def look_further(rows: DataFrame, table: Table, dates: BatchDates, expected_rows: int | None) -> Further:
    """Profile a slice in one pass and evaluate the checks that need it, and those that need other tables."""
    found = Further()
    found.checks += evaluated(
        "profile_can_be_computed", PROFILE_WHY, lambda: _profiled(found, rows, table, dates, expected_rows)
    )
    if found.profiles:
        found.checks += evaluated("history_can_be_compared", PROFILE_WHY, lambda: _compared(found, table, dates))
        found.checks += personal_data_checks(table, found.profiles)
        if expected_rows is None:
            found.checks += evaluated(
                emptiness.NAME, emptiness.WHY, lambda: emptiness.emptiness_checks(table, dates, found.profiles)
            )
    found.checks += evaluated(
        "sums_agree_between_tables",
        "A sum that cannot be checked against the other table's says nothing.",
        lambda: agreement_checks(rows, table, dates),
    )
    if expected_rows != 0:
        found.checks += evaluated(
            "keys_are_unique_across_batch_dates",
            "Keys that cannot be checked against other batch dates' may be doubled.",
            lambda: uniqueness_checks(rows, table, dates),
        )
    return found


def _profiled(
    found: Further, rows: DataFrame, table: Table, dates: BatchDates, expected_rows: int | None
) -> Iterator[Check]:
    found.profiles = profile(None if expected_rows == 0 else rows, table, dates, target_of(table))
    filled = sum(1 for each in found.profiles.values() if each["rows"])
    observed = f"{filled} of {len(dates)} batch dates have rows"
    yield Check("profile_can_be_computed", "blocks", PROFILE_WHY, passed=True, observed=observed)


def _compared(found: Further, table: Table, dates: BatchDates) -> Iterator[Check]:
    found.history = load_earlier(table, dates, found.profiles)
    yield from statistical_checks(table, found.profiles, found.history)


def personal_data_checks(table: Table, profiles: Mapping[dt.date, Mapping[str, Any]]) -> Iterator[Check]:
    """A warning for each column that seems to hold personal data and is not declared to; one that passes if none."""
    why = "Personal data that nobody declared is neither tokenised nor dropped: mark the column with `pii`."
    nothing_found = True
    for column in table.data_columns:
        filled, counts = 0, dict.fromkeys(personal_data.outcomes(), 0)
        for each in profiles.values():
            if described := each["columns"].get(column.name):
                filled += each["rows"] - described["nulls"]
                for kind, count in described.get("looks_like", {}).items():
                    counts[kind] += count
        if kinds := personal_data.findings(counts, filled):
            nothing_found = False
            words = ", ".join(f"{count:,} like {personal_data.label(kind)}" for kind, count in kinds.items())
            yield Check(
                f"{column.name}_holds_no_unmarked_personal_data",
                "warns",
                why,
                passed=False,
                failed_rows=sum(kinds.values()),
                observed=f"of {filled:,} values, {words}",
            )
    if nothing_found:
        yield Check("text_holds_no_unmarked_personal_data", "warns", why, passed=True)


def evaluated(name: str, why: str, checks: Callable[[], Iterable[Check]]) -> list[Check]:
    """The checks; or one that blocks, with the reason why they could not be evaluated."""
    try:
        return list(checks())
    except Exception as error:
        if told := explained(error):
            raise told from error
        log.debug("%s could not be evaluated", name, exc_info=True)
        reason = f"could not be evaluated: {type(error).__name__}: {str(error).partition('JVM stacktrace')[0].strip()}"
        return [Check(name, "blocks", why, passed=False, observed=reason)]
