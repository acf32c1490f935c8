"""What people copy from the documents runs, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.tables import REASONS
from nightshift.home.settings import PROJECT_DIR, get_settings

REASONS_OF_DUCKDB = "struct(feature varchar, value varchar, contribution double, phrase varchar)[]"
README = PROJECT_DIR / "README.md"
RUNBOOKS = sorted((PROJECT_DIR / "docs" / "runbooks").glob("*.md"))
OF_USE_CASES = sorted((PROJECT_DIR / "use_cases").glob("*/README.md"))
PAGES = sorted((PROJECT_DIR / "use_cases").glob("*/pages/**/*.md"))
DOCS = sorted((PROJECT_DIR / "docs").glob("*.md"))
WRITTEN = [README, PROJECT_DIR / "CONTRIBUTING.md", *DOCS, *RUNBOOKS, *OF_USE_CASES]
QUERIES = re.findall(r'nightshift sql (?:--format csv )?"([^"]+)"', README.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def empty_tables() -> duckdb.DuckDBPyConnection:
    """Every declared table, without rows."""
    connection = duckdb.connect(":memory:")
    for use_case in find_use_cases(get_settings()).use_cases:
        for table in Catalog(use_case):
            columns = table.ddl.replace(REASONS, REASONS_OF_DUCKDB).replace(" string", " varchar")
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.layer}")
            connection.execute(f"CREATE TABLE {table.full_name} ({columns})")
    return connection


@pytest.mark.parametrize("query", QUERIES)
def test_the_queries_of_the_readme_fit_the_declared_tables(query: str, empty_tables: duckdb.DuckDBPyConnection) -> None:
    assert empty_tables.execute(query).fetchall() == []


def test_the_readme_joins_scores_with_what_came_true() -> None:
    both = {"gold.flight_delays_scores", "silver.flight_delays_outcomes"}
    assert any(both <= set(query.split()) for query in QUERIES)


@pytest.mark.parametrize("file", [*WRITTEN, *PAGES], ids=lambda file: file.stem)
def test_every_link_leads_somewhere(file: Path) -> None:
    broken = [
        place + heading
        for place, heading in re.findall(r"\]\(([^)#\s]*)((?:#[^)\s]+)?)\)", file.read_text(encoding="utf-8"))
        if "://" not in place and not leads_somewhere(file, place, heading)
    ]
    assert broken == []


@pytest.mark.parametrize("file", [*WRITTEN, *PAGES], ids=lambda file: file.stem)
def test_no_place_is_left_for_text_to_come(file: Path) -> None:
    assert re.findall(r"@@[\w@]*|\b(?:TODO|TBD|XXX)\b|^UNITS$", file.read_text(encoding="utf-8"), re.MULTILINE) == []


@pytest.mark.parametrize("file", [README, *RUNBOOKS], ids=lambda file: file.stem)
def test_a_command_names_the_python_that_has_the_packages(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert re.findall(r"(?<!\.venv/bin/)\bpython -m [a-z_.]+", text) == []


def leads_somewhere(file: Path, place: str, heading: str) -> bool:
    target = file.parent / place if place else file
    return target.exists() and (not heading or heading[1:] in anchors(target))


def anchors(file: Path) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
