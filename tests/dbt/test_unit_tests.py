"""The unit tests that stand beside the models, in YAML: they pass, and they can fail."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshift import lake
from nightshift.dbt_project.build_models import DbtProject
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import PROJECT_DIR, Settings
from tests.silver import forget_tables

DBT = PROJECT_DIR / "dbt"


@pytest.fixture
def named_tables(spark: SparkSession, home: Settings) -> None:
    """Empty views under the names of the published tables: dbt takes column types from them."""
    forget_tables(spark)
    for use_case in find_use_cases().use_cases:
        lake.register(spark, Catalog(use_case))


def test_the_unit_tests_of_all_models_pass(named_tables: None) -> None:
    results = DbtProject(DBT).invoke("test", "--select", "test_type:unit")

    assert {result.node.name: result.message for result in results if result.status != "pass"} == {}
    assert {
        "late_rates_are_smoothed_towards_the_overall_rate",
        "late_rate_windows_end_with_todays_delivery",
        "evening_weather_is_that_of_the_last_hours",
    } <= {result.node.name for result in results}


def test_a_window_that_is_a_day_too_long_fails_its_unit_test(named_tables: None, tmp_path: Path) -> None:
    project = Path(shutil.copytree(DBT, tmp_path / "dbt"))
    macro = project / "macros" / "trailing_late_rates.sql"
    text = macro.read_text(encoding="utf-8")
    assert "{{ length - 1 }} preceding" in text
    macro.write_text(text.replace("{{ length - 1 }} preceding", "{{ length }} preceding"), encoding="utf-8")

    [result] = DbtProject(project).invoke("test", "--select", "late_rate_windows_end_with_todays_delivery")

    assert result.status == "fail"
