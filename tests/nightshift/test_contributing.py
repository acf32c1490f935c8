"""The worked example of CONTRIBUTING.md does what it says, and its table of tiers names the tests that there are."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from nightshift.catalogue import data_contracts, dbt_sources
from nightshift.catalogue import table_pages as table_reference
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.source import FileSource
from nightshift.declarations.sql_checks import check_sql
from nightshift.declarations.table_inputs import derivations
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.job import Job
from spark_jobs.refine import refinements


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """flight_delays, with the declarations of the example appended."""
    text = (PROJECT_DIR / "CONTRIBUTING.md").read_text()
    section = text.partition("## Add a source table\n")[2]
    example = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert example is not None
    folder = tmp_path / "use_cases" / "flight_delays"
    shutil.copytree(PROJECT_DIR / "use_cases" / "flight_delays", folder)
    tables = (folder / "tables.yaml").read_text()
    (folder / "tables.yaml").write_text(tables + example[1])
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder.parent))
    get_settings.cache_clear()
    yield Catalog(UseCase.load("flight_delays", get_settings()))
    get_settings.cache_clear()


def test_the_file_is_known_as_a_source(catalog: Catalog) -> None:
    bronze = catalog["bronze.fuel_prices"]
    assert isinstance(bronze.source, FileSource)
    assert bronze.source.holds("fuel_prices.csv")
    assert [column.name for column in bronze.delivered_columns] == ["airport", "price", "quoted_on", "quoted_by"]
    check_sql(catalog)


def test_refining_needs_no_code(catalog: Catalog) -> None:
    day = BatchDates(dt.date(2013, 10, 1), dt.date(2013, 10, 1))
    job = Job("refine", catalog.use_case, catalog, day, "test")
    found = {each.table.name: each.inputs for each in refinements(job)}
    assert found["fuel_prices"] == ("fuel_prices",)
    assert found["weather"] == ("weather",)
    assert derivations(catalog)["silver.fuel_prices"] == ("bronze.fuel_prices",)


def test_source_page_and_contract_follow(catalog: Catalog) -> None:
    silver = catalog["silver.fuel_prices"]
    sources = yaml.safe_load(dbt_sources.sources(catalog))["sources"]
    assert "silver_flight_delays_fuel_prices" in [table["identifier"] for table in sources[0]["tables"]]
    page = table_reference.page(silver, catalog, derivations(catalog))
    assert "US dollars per gallon" in page
    assert "0 to 20" in page
    bronze = data_contracts.contract(catalog["bronze.fuel_prices"])["schema"][0]["properties"]
    assert [each["name"] for each in bronze if each.get("classification") == "restricted"] == ["quoted_by"]


def files_of_the_tiers() -> tuple[set[str], set[str]]:
    """The files that the table names for `make test`, and those that it names for `make test-all`."""
    text = (PROJECT_DIR / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| [A-Z].*\. \|(.*)\|(.*)\|$", text, re.MULTILINE)
    assert len(rows) == 9, "one row per guarantee"
    quick, long = (" ".join(cells) for cells in zip(*rows, strict=True))
    file = r"\(((?:tests|use_cases)/[^)]+)\)"
    return set(re.findall(file, quick)), set(re.findall(file, long))


def test_the_table_of_tiers_names_the_files_of_each_guarantee_and_of_every_long_test() -> None:
    files = (file for room in ("tests", "use_cases") for file in (PROJECT_DIR / room).rglob("test_*.py"))
    tests = {str(file.relative_to(PROJECT_DIR)): file.read_text() for file in files}
    quick, long = files_of_the_tiers()
    assert quick <= tests.keys()
    are_long = {name for name, text in tests.items() if re.search(r"mark\.long\b", text)}
    # Of tests in a use case's folder, the table names those that it likes.
    assert {name for name in are_long if name.startswith("tests/")} <= long <= are_long
    all_long = {name for name, text in tests.items() if re.search(r"^pytestmark = .*mark\.long\b", text, re.MULTILINE)}
    assert not quick & all_long, "what runs in `make test-all` only holds nothing in `make test`"
