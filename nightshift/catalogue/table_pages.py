"""Reference pages of the tables, from their declarations."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nightshift.catalogue.data_contracts import place_of
from nightshift.catalogue.generated_files import MARK, Generated, markdown_link, markdown_table
from nightshift.declarations import in_words
from nightshift.declarations.built_in_columns import all_columns
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.sql_checks import checked_use_cases
from nightshift.declarations.table_inputs import derivations
from nightshift.declarations.tables import PARTITION, Column, Table
from nightshift.home.settings import Settings
from nightshift.stages import asset_uri

# An example query shows the key and a few more columns.
SHOWN_COLUMNS = 6
MEASURED = ("double", "boolean", "int", "bigint")


def generated(home: Settings) -> Generated:
    """The pages of all tables."""
    found = checked_use_cases(home)
    return Generated(pages(found.catalogs), [*home.use_cases_dir.glob("*/pages/tables/*.md")], found.sentences)


def pages(catalogs: Sequence[Catalog]) -> dict[Path, str]:
    """The text of every page by its path: in each use case one for each table, and an index."""
    found = {}
    for catalog in catalogs:
        found[_folder(catalog) / "README.md"] = index(catalog)
        inputs = derivations(catalog)
        for table in catalog:
            found[_place(table, catalog)] = page(table, catalog, inputs)
    return found


def index(catalog: Catalog) -> str:
    """The page that lists the tables of a use case."""
    lines = [
        f"# Tables: {catalog.use_case.title}",
        "",
        f"<!-- {MARK} -->",
        "",
        "What each published table holds, who owns it, and what may be relied on. `nightshift sql` asks them under the",
        "names below. What a column may hold is checked before its rows are published.",
        "",
        "*To be kept* says how long rows are meant to stay. Nothing removes them yet when that time is over.",
        "",
    ]
    rows = [[f"[{table.full_name}]({table.short_name}.md)", table.grain, table.description] for table in catalog]
    lines += markdown_table(["Table", "Grain", "What it holds"], rows)
    return "\n".join([*lines, ""])


def page(table: Table, catalog: Catalog, inputs: Mapping[str, Sequence[str]]) -> str:
    """The reference page of one table, in Markdown.

    Args:
        inputs: for each table of the use case the tables that it is made from.
    """
    lines = [f"# {table.full_name}", "", f"<!-- {MARK} -->", "", table.description, ""]
    lines += markdown_table(["", ""], [[f"**{what}**", text] for what, text in _facts(table, catalog, inputs) if text])
    lines += ["", "## Columns", ""]
    lines += markdown_table(
        ["Column", "Type", "Unit", "Null", "Meaning", "Values"],
        [_column(column, table) for column in all_columns(table)],
    )
    lines += _rules(table)
    query = example(table, catalog).replace('"', r"\"")
    lines += ["", "## Example", "", "```sh", f'nightshift sql "{query}"', "```", ""]
    return "\n".join(lines)


def example(table: Table, catalog: Catalog) -> str:
    """A query that shows some rows of a batch date that the demo, or a first night, has."""
    use_case = catalog.use_case
    date = use_case.batch_dates(use_case.demo.nights).first if use_case.demo else use_case.dates.first
    others = [column for column in table.data_columns if column.name not in table.keys and column.role != "lineage"]
    # What is measured tells more than a further name.
    others.sort(key=lambda column: column.type not in MEASURED)
    shown = [*table.keys, *(column.name for column in others)][: max(SHOWN_COLUMNS, len(table.keys))]
    return f"SELECT {', '.join(map(_in_sql, shown))} FROM {table.full_name} WHERE {PARTITION} = DATE '{date}' LIMIT 10"


def _in_sql(column: str) -> str:
    """A column's name as `nightshift sql` takes it: in quotes where it is a word of SQL."""
    return f'"{column}"' if column in _reserved_words() else column


@functools.cache
def _reserved_words() -> frozenset[str]:
    import duckdb

    known = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'type_function')"
    return frozenset(word for (word,) in duckdb.connect().execute(known).fetchall())


def _facts(table: Table, catalog: Catalog, inputs: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    made_from = inputs[table.short_name]
    read_by = [name for name, read in inputs.items() if table.short_name in read]
    days = f"{table.retention_days} days" if table.retention_days else "for good"
    yield "Grain", table.grain
    yield "Keys", f"{', '.join(f'`{key}`' for key in table.keys)}, within a batch date"
    if table.unique_for.count:
        yield "Unique", f"keys do not occur in the {table.unique_for} before, either"
    yield "Owner", table.owner
    yield "Used by", ", ".join(table.consumers)
    yield "To be kept", days
    if table.freshness_hours is not None:
        zone = catalog.use_case.timezone
        yield "Fresh", f"newest batch date at most {table.freshness_hours} hours old, from its midnight ({zone})"
    yield "Version", str(table.version)
    yield "Arrives as", in_words.origin(table)
    yield "Made from", _links(made_from, catalog)
    yield "Read by", _links(read_by, catalog)
    yield "Asset", f"`{asset_uri(table.use_case, table.short_name)}`"
    place = _place(table, catalog)
    yield "Declared in", markdown_link(catalog.file_of(table), place, table.home)
    yield "Contract", markdown_link(place_of(table), place, table.home)


def _column(column: Column, table: Table) -> list[str]:
    remarks = [in_words.values(column), in_words.personal(column, table), in_words.history(column)]
    return [
        f"`{column.name}`",
        column.type if "<" not in column.type else f"`{column.type}`",
        column.unit or "",
        "never" if column.required or column.name in table.keys else "may be",
        column.description,
        "; ".join(remark for remark in remarks if remark),
    ]


def _rules(table: Table) -> list[str]:
    lines = [f"- `{rule.must}`: {rule.why} (`{rule.name}`; other rows go to quarantine)" for rule in table.rules]
    lines += [f"- {in_words.agreement(table, each)}: {each.why} (`{each.name}`)" for each in table.agrees_with]
    return ["", "## Rules", "", *lines] if lines else []


def _links(names: Sequence[str], catalog: Catalog) -> str:
    return ", ".join(f"[{catalog[name].full_name}]({name}.md)" for name in names)


def _folder(catalog: Catalog) -> Path:
    return catalog.use_case.folder / "pages" / "tables"


def _place(table: Table, catalog: Catalog) -> Path:
    return _folder(catalog) / f"{table.short_name}.md"
