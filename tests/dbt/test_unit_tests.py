"""The unit tests that stand beside the models of a use case, in YAML, pass."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from nightshift import lake
from nightshift.dbt_project.build_models import DbtProject
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from tests.silver import forget_tables


@pytest.mark.parametrize("use_case", find_use_cases(get_settings()).use_cases, ids=lambda use_case: use_case.name)
def test_the_unit_tests_of_all_models_pass(spark: SparkSession, home: Settings, use_case: UseCase) -> None:
    project = DbtProject.of(use_case)
    if not project.manifest.unit_tests:
        pytest.skip(f"{use_case.name} has no unit tests")
    forget_tables(spark)
    # Empty views under the names of the published tables: dbt takes column types from them.
    lake.register(spark, Catalog(use_case))

    results = project.invoke("test", "--select", "test_type:unit")

    assert {result.node.name: result.message for result in results if result.status != "pass"} == {}
