"""Columns that are called like words of SQL, in a use case and tables that are called like modules of Python."""

from __future__ import annotations

import argparse
import datetime as dt
import textwrap
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshift import lake
from nightshift.catalogue import dbt_sources, table_pages
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.sql_checks import check_sql
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from nightshift.job import Job
from nightshift.lake.sql_queries import query
from spark_jobs.features import features
from spark_jobs.land import land
from spark_jobs.marts import marts
from spark_jobs.refine import refine
from tests.declaring import USE_CASE
from tests.sent_deliveries import deliver
from tests.silver import write_table

DAY = dt.date(2024, 1, 1)
TARGET = "cases: tests, table: tests, column: select"
SQL_WORDS = ("order", "user", "end", "select", "date", "group")
COLUMNS = """
      - {name: order, type: bigint, required: true, description: A key.}
      - {name: user, type: string, pii: contact, description: Personal data.}
      - {name: end, type: timestamp, description: A moment.}
      - {name: select, type: double, minimum: 0, maximum: 100, description: A number.}
      - {name: date, type: date, description: A day.}
      - {name: group, type: string, accepted: [a, b], description: A category.}"""
TABLES = f"""
tables:
  - layer: bronze
    name: tests
    description: As delivered.
    grain: one row per order
    keys: [order]
    unique_for_days: 1
    source: {{file: tests.csv, format: csv, newest_by: end, tolerated_quarantine_share: 0.5}}
    rules: [{{name: known, must: "`select` < 50 and date >= date'2024-01-01' and `end` is not null", why: Known.}}]
    columns: {COLUMNS}
  - layer: silver
    name: tests
    description: As refined.
    grain: one row per order
    keys: [order]
    columns: {COLUMNS}
  - layer: gold
    name: scores
    description: One score each.
    grain: one row per order
    keys: [order]
    columns:
      - {{name: order, type: bigint, required: true, description: A key.}}
      - {{name: group, type: string, description: A category.}}
    agrees_with: [{{name: all, why: All., table: gold.features}}]
"""
MODEL = """
models:
  - name: json_{name}
    description: {name}.
    config:
      meta:
        layer: gold
        grain: one row per order
        keys: [order]
        agrees_with: [{{name: same, why: All., table: silver.tests, own: sum(`select`), other: sum(`select`)}}]
    data_tests:
      - nightshift.rows_are_unique: {{name: {name}_are_unique, description: Once each.}}
      - nightshift.declared_values_hold: {{name: {name}_hold, description: As declared.}}
      - nightshift.one_row_per_row_of:
          name: {name}_cover
          description: All of them.
          arguments: {{other: "source('silver', 'json_tests')", keys: [order]}}
    columns:
      - {{name: batch_date, data_type: date, description: Day.}}
      - {{name: order, data_type: bigint, description: A key., config: {{meta: {{required: true}}}}}}
      - {{name: end, data_type: timestamp, description: A moment.}}
      - {{name: select, data_type: double, description: A number., config: {{meta: {{{role}minimum: 0, maximum: 99}}}}}}
      - name: group
        data_type: string
        description: A category.
        config: {{meta: {{{category}accepted: [a, b], pattern: "[ab]"}}}}
"""
SQL = """
{{{{ config(materialized='stage') }}}}
select batch_date, `order`, `end`, `select`, `group`
from {{{{ source('{source}') }}}} where {{{{ nightshift.batch_dates() }}}}
"""


@pytest.fixture
def catalog(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """The use case `json`, with a table of features and a mart of dbt's."""
    folder = tmp_path / "use_cases" / "json"
    folder.mkdir(parents=True)
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder.parent))
    get_settings.cache_clear()
    declared = USE_CASE.replace("name: shop", "name: json")
    (folder / "use_case.yaml").write_text(declared.replace("cases: orders, table: orders, column: is_returned", TARGET))
    (folder / "tables.yaml").write_text(TABLES)
    models = folder / "dbt" / "models"
    models.mkdir(parents=True)
    (folder / "dbt" / "dbt_project.yml").write_text("name: json\nprofile: nightshift\n")
    for layer, name, source in (
        ("features", "features", "silver', 'json_tests"),
        ("marts", "training", "gold', 'json_features"),
    ):
        role, category = ("role: feature, ", "role: feature, categorical: true, ") if layer == "features" else ("", "")
        (models / layer).mkdir(parents=True)
        (models / layer / f"json_{name}.sql").write_text(SQL.format(source=source))
        declared = textwrap.dedent(MODEL.format(name=name, role=role, category=category))
        (models / layer / f"json_{name}.yml").write_text(declared)
    dbt_sources.generated(get_settings()).write()
    return Catalog(UseCase.load("json", get_settings()))


def test_names_that_mean_something_elsewhere_pass_through_every_stage(
    spark: SparkSession, catalog: Catalog, home: Settings
) -> None:
    check_sql(catalog)
    rows = [
        "1,ada@example.org,2024-01-02T10:00:00Z,1.5,2024-01-01,a",
        "1,ada@example.org,2024-01-02T09:00:00Z,2.5,2024-01-01,a",  # an older one of the same key
        "2,,2024-01-02T10:00:00Z,3.5,2024-01-02,b",
        "3,bob@example.org,2024-01-02T10:00:00Z,60,2024-01-02,b",  # breaks the rule
        "4,bob@example.org,2024-01-02T10:00:00Z,1,2024-01-02,c",  # is not accepted
    ]
    text = "\n".join([",".join(SQL_WORDS), *rows, ""]).encode()
    deliver(home.landing.path / "json", DAY, {"tests.csv": (text, len(rows))})

    for stage, body in (("land", land), ("refine", refine), ("features", features), ("marts", marts)):
        if stage == "marts":
            scored = lake.read(spark, catalog["gold.features"]).select("batch_date", "order", "group").collect()
            write_table(spark, catalog["gold.scores"], [row.asDict() for row in scored])
        body(Job(stage, catalog.use_case, catalog, BatchDates.of(DAY), "test"), argparse.Namespace())

    assert [row.order for row in lake.read(spark, catalog["silver.tests"]).orderBy("order").collect()] == [1, 2]
    found = query('SELECT "order", "select", "group" FROM gold.json_training ORDER BY ALL', get_settings()).to_pylist()
    assert [tuple(row.values()) for row in found] == [(1, 1.5, "a"), (2, 3.5, "b")]
    for table in catalog:
        if table.exists():
            assert query(table_pages.example(table, catalog), get_settings()).num_rows <= 4
    page = table_pages.page(catalog["gold.training"], catalog, {table.short_name: () for table in catalog})
    assert r'nightshift sql "SELECT \"order\", ' in page
