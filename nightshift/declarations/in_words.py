"""Declarations in words, for reference pages and contracts."""

from __future__ import annotations

from nightshift.declarations.source import FileSource
from nightshift.declarations.tables import Agreement, Column, Table


def values(column: Column) -> str:
    """What may stand in a column, beyond its type; empty where anything may."""
    words = []
    if column.accepted is not None:
        words.append(f"one of {', '.join(f'`{value}`' for value in column.accepted)}")
    if column.pattern is not None:
        words.append(f"matches `{column.pattern}`")
    if column.minimum is not None and column.maximum is not None:
        words.append(f"{column.minimum:.15g} to {column.maximum:.15g}")
    elif column.minimum is not None:
        words.append(f"{column.minimum:.15g} or more")
    elif column.maximum is not None:
        words.append(f"{column.maximum:.15g} or less")
    return "; ".join(words)


def personal(column: Column, table: Table) -> str:
    """What becomes of personal data in a column; empty where it holds none."""
    if column.pii is None:
        return ""
    stored = "null" if column.treatment == "drop" else "a keyed token"
    return f"{column.pii}: stored as {stored}{', from landing on' if table.layer == 'bronze' else ''}"


def agreement(table: Table, each: Agreement) -> str:
    """What two tables must agree on."""
    day = "the same batch date"
    if each.step.count:
        day = f"the batch date {each.step} earlier"
    return f"`{each.own}` of a batch date equals `{each.other}` of `{each.table}` on {day}"


def history(column: Column) -> str:
    """Since and until which version of the table a column has values of its own; empty where always."""
    words = []
    if column.since > 1:
        words.append(f"since version {column.since}")
    if column.was is not None:
        words.append(f"before, it was `{column.was}`")
    if column.until is not None:
        words.append(f"not delivered from version {column.until} on")
    return "; ".join(words)


def origin(table: Table) -> str:
    """Where a landed table comes from; empty for others."""
    source = table.source
    if source is None:
        return ""
    when = (
        "with every delivery" if source.required else "with some deliveries, as a snapshot that counts until the next"
    )
    if source.first_batch_date_offset:
        when += f", from day {source.first_batch_date_offset + 1} on"
    if source.newest_by is not None:
        when += f", the newest of a key by `{source.newest_by}`"
    if isinstance(source, FileSource):
        return f"`{source.file}` ({source.format}), {when}"
    return f"`{source.relation}` of the database `{source.connection}`, by `{source.date_column}`, {when}"
