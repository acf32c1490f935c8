"""The unit tests that stand beside the models, in YAML: they pass, and they can fail."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from nightshift import lake
from nightshift.dbt_project.build_models import DbtProject
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings
from tests.dbt.conftest import Copy
from tests.silver import forget_tables


@pytest.fixture
def named_tables(spark: SparkSession, home: Settings) -> None:
    """Empty views under the names of the published tables: dbt takes column types from them."""
    forget_tables(spark)
    for use_case in find_use_cases().use_cases:
        lake.register(spark, Catalog(use_case))


@pytest.mark.parametrize("use_case", find_use_cases().use_cases, ids=lambda use_case: use_case.name)
def test_the_unit_tests_of_all_models_pass(named_tables: None, use_case: UseCase) -> None:
    results = DbtProject.of(use_case).invoke("test", "--select", "test_type:unit")

    assert {result.node.name: result.message for result in results if result.status != "pass"} == {}
    if use_case.name == "flight_delays":
        assert {
            "late_rates_are_smoothed_towards_the_overall_rate",
            "late_rate_windows_end_with_todays_delivery",
            "evening_weather_is_that_of_the_last_hours",
        } <= {result.node.name for result in results}


def test_a_window_that_is_a_day_too_long_fails_its_unit_test(named_tables: None, use_cases_copy: Copy) -> None:
    macro = "flight_delays/dbt/macros/trailing_late_rates.sql"
    use_cases_copy.patch(macro, "{{ length - 1 }} preceding", "{{ length }} preceding")
    project = DbtProject.of(UseCase.load("flight_delays"))

    [result] = project.invoke("test", "--select", "late_rate_windows_end_with_todays_delivery")

    assert result.status == "fail"
