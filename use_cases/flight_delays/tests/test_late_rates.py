"""The unit tests of the macro `trailing_late_rates`, which stand beside the model in YAML, are there and can fail."""

from __future__ import annotations

from pyspark.sql import SparkSession

from nightshift import lake
from nightshift.dbt_project.build_models import DbtProject
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from tests.landed import Copy
from tests.silver import forget_tables


def test_rates_and_the_evening_have_unit_tests(home: Settings) -> None:
    unit_tests = DbtProject.of(UseCase.load("flight_delays", get_settings())).manifest.unit_tests.values()

    assert {
        "late_rates_are_smoothed_towards_the_overall_rate",
        "late_rate_windows_end_with_todays_delivery",
        "evening_weather_is_that_of_the_last_hours",
    } <= {each.name for each in unit_tests}


def test_a_window_that_is_a_day_too_long_fails_its_unit_test(spark: SparkSession, use_cases_copy: Copy) -> None:
    macro = "flight_delays/dbt/macros/trailing_late_rates.sql"
    use_cases_copy.patch(macro, "{{ length - 1 }} preceding", "{{ length }} preceding")
    use_case = UseCase.load("flight_delays", get_settings())
    forget_tables(spark)
    lake.register(spark, Catalog(use_case))
    project = DbtProject.of(use_case)

    [result] = project.invoke("test", "--select", "late_rate_windows_end_with_todays_delivery")

    assert result.status == "fail"
