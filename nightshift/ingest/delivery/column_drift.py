"""Columns that came, compared with those that are declared, before any row is read.

Undeclared columns are kept aside and warn. Everything else that differs blocks, column by column in one message.
Accepting a drift is a declared change of the table with a new version: docs/schema-changes.md.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from nightshift.declarations.tables import Column, Table

# How text must look to be read as a type, as a whole. Casts would be lenient: ' 5 ' for an int, '2013-1-1' for a date.
FORMS = {
    "int": r"-?[0-9]+",
    "bigint": r"-?[0-9]+",
    "double": r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?",
    "boolean": r"(true|false)",
    # No calendar that is used here has a year 0.
    "date": r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "timestamp": r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z",
}
SIMILAR_COLUMNS = 0.6
MISSPELT = 0.8
LISTED_COLUMNS = 20
# A share of a few values says nothing about a column.
SAMPLED = 3


class DriftError(Exception):
    """Columns that differ from the declaration, in words that follow the file's name."""


@dataclass(frozen=True)
class Found:
    """The columns that came.

    Attributes:
        names: in their order.
        in_order: whether the order has a meaning, as in CSV.
        other_type: what a column that came holds where that is not its declared type; None where it is.
    """

    names: tuple[str, ...]
    in_order: bool
    other_type: Callable[[str, Column], str | None]


@dataclass(frozen=True)
class Fit:
    """The version of the table whose columns came, and the undeclared ones beside them."""

    version: int
    added: tuple[str, ...]


def landed_columns(table: Table) -> tuple[Column, ...]:
    """The columns that the files of any version of the table hold."""
    return tuple(column for column in table.data_columns if column.role != "lineage")


def columns_at(table: Table, version: int) -> tuple[Column, ...]:
    """The columns that a file of a version of the table holds."""
    return tuple(column for column in landed_columns(table) if column.since <= version and not column.is_gone(version))


def delivered_name(table: Table, column: Column) -> str:
    """What files call a column: its name, unless it `was` one of another type, whose name in the files it keeps."""
    before = next((other for other in table.columns if other.name == column.was), None)
    if before is None or before.type == column.type:
        return column.name
    return delivered_name(table, before)


def delivered_names(table: Table, version: int) -> dict[str, str]:
    """What files of a version of the table call its columns, in their order."""
    return {column.name: delivered_name(table, column) for column in columns_at(table, version)}


def every_delivered_name(table: Table) -> frozenset[str]:
    """What files of any version of the table call its columns."""
    return frozenset(name for at in range(1, table.version + 1) for name in delivered_names(table, at).values())


def listed_briefly(said: Sequence[str], between: str) -> str:
    """The first of some words: whatever a file holds where names belong must not drown the rest of a message."""
    more = [f"and {len(said) - LISTED_COLUMNS:,} more"] if len(said) > LISTED_COLUMNS else []
    return between.join([*said[:LISTED_COLUMNS], *more])


def older_versions(table: Table, date: dt.date) -> Iterator[int]:
    """The versions of before the newest in which files of a batch date may come, newest first.

    Where it is not declared when a table `changed`, old and new dates can't be told apart, and every version will do.
    """
    oldest = max((change.version for change in table.changed if change.first <= date), default=1)
    yield from range(table.version - 1, oldest - 1, -1)


def best_fit(table: Table, found: Found, older: Iterable[int] = ()) -> Fit:
    """The version of the table whose columns came.

    Args:
        older: versions that will do beside the newest one (`older_versions`).

    Raises:
        DriftError: naming all that differs from the newest version, column by column.
    """
    newest = list(_changes(table, table.version, found))
    if not newest:
        return Fit(table.version, _added(table, table.version, found))
    for version in older:
        added = _added(table, version, found)
        if not list(_changes(table, version, found)) and not _brought_later(table, version, added):
            return Fit(version, added)
    raise DriftError(
        f"has other columns than {table.short_name} declares (version {table.version}): {listed_briefly(newest, '; ')}"
    )


def _added(table: Table, version: int, found: Found) -> tuple[str, ...]:
    declared = delivered_names(table, version).values()
    return tuple(dict.fromkeys(name for name in found.names if name not in declared))


def _brought_later(table: Table, version: int, names: Sequence[str]) -> bool:
    """Whether any of some names is, perhaps misspelt, one that came with a later version.

    Such a column would otherwise pass for an undeclared one of an older version.
    """
    later = {name for at in range(version + 1, table.version + 1) for name in delivered_names(table, at).values()}
    new = sorted(later - set(delivered_names(table, version).values()))
    return any(difflib.get_close_matches(name, new, n=1, cutoff=MISSPELT) for name in names)


def _changes(table: Table, version: int, found: Found) -> Iterator[str]:
    """What blocks, a sentence per column."""
    names = delivered_names(table, version)
    columns = {names[column.name]: column for column in columns_at(table, version)}
    declared = list(columns)
    added = _added(table, version, found)
    dropped = [name for name in declared if name not in found.names]
    judged = found.names if found.in_order else [name for name in found.names if name in declared]
    if twice := sorted({name for name in judged if judged.count(name) > 1}):
        yield f"{_quoted(twice)} comes twice"
        return
    guesses = _renamed(declared, dropped, added, found)
    for name in dropped:
        yield f"lacks {name!r}" + (f", perhaps renamed to {guesses[name]!r}" if name in guesses else "")
    for name, column in columns.items():
        if name in found.names and (other := found.other_type(name, column)):
            yield f"{name!r} is {other}, declared is {column.type}"
    for name in added:
        # Where names have a place, one that differs in case only is a slip; else it is one more, beside the declared.
        if reason := _clash(name, declared if found.in_order else dropped):
            yield f"has the undeclared {name!r}, {reason}"
        elif dropped:
            yield f"has the undeclared {name!r}"
    kept = [name for name in found.names if name in declared]
    if found.in_order and not dropped and kept != declared:
        yield f"has its columns in the order {','.join(kept)}; declared is {','.join(declared)}"


def _renamed(declared: Sequence[str], dropped: Sequence[str], added: Sequence[str], found: Found) -> dict[str, str]:
    """The undeclared column that a dropped one may have become: of a similar name, in its place, or the only one."""
    guesses: dict[str, str] = {}
    free = list(added)

    def guess(name: str, other: str) -> None:
        guesses[name] = other
        free.remove(other)

    for name in dropped:
        similar = difflib.get_close_matches(name, free, n=1, cutoff=SIMILAR_COLUMNS)
        similar += [other for other in free if name in other or other in name]
        if similar:
            guess(name, similar[0])
    for place, name in enumerate(declared if found.in_order else ()):
        if name in dropped and name not in guesses:
            before = [guesses.get(other, other) for other in declared[:place]]
            known = [found.names.index(other) for other in before if other in found.names]
            next_one = found.names[known[-1] + 1 : known[-1] + 2] if known else found.names[:1]
            if next_one and next_one[0] in free:
                guess(name, next_one[0])
    left = [name for name in dropped if name not in guesses]
    if len(left) == len(free) == 1:
        guess(left[0], free[0])
    return guesses


def _clash(name: str, declared: Sequence[str]) -> str | None:
    """Spark does not tell names apart by case alone."""
    same = [other for other in declared if other.casefold() == name.casefold()]
    return f"which differs from {same[0]!r} in case only" if same else None


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


def text_type(column: Column, values: Sequence[str | None], is_json: bool) -> str | None:
    """What a sample of a text column holds instead of its declared type, where no value of it fits.

    One value that does not fit is a fault of its record; a column of which none fits has another type.
    """
    given = [value for value in values if value is not None]
    if len(given) < max(SAMPLED, len(values) / 2):
        return None
    if any(_fits(value, column.type, is_json) for value in given):
        return None
    if column.pii is not None:
        return "text of another form"
    return f"text like {given[0][:40]!r}" if not is_json else f"JSON like {given[0][:40]}"


def _fits(value: str, declared: str, is_json: bool) -> bool:
    is_text = not is_json or value.startswith('"')
    if declared == "string":
        return is_text
    return re.fullmatch(FORMS[declared], value.strip('"') if is_json else value) is not None
