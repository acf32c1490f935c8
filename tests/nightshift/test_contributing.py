"""The worked example of CONTRIBUTING.md does what it says: one declaration, and everything follows from it."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from nightshift.catalog import Catalog
from nightshift.dates import BatchDates
from nightshift.declared.derivation import derivations
from nightshift.declared.sql import check_sql
from nightshift.job import Job
from nightshift.reference import contracts, dbt_sources
from nightshift.reference import tables as table_reference
from nightshift.settings import PROJECT_DIR, get_settings
from nightshift.source import FileSource
from nightshift.use_case import UseCase
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
    yield Catalog(UseCase.load("flight_delays"))
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
    bronze = contracts.contract(catalog["bronze.fuel_prices"])["schema"][0]["properties"]
    assert [each["name"] for each in bronze if each.get("classification") == "restricted"] == ["quoted_by"]
