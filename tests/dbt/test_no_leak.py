"""G7: features of a batch date use only what was known at its cut-off, however their slice is computed."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from nightshift.dbt_project.build_models import DbtProject
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.dbt_files import models_folder
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import Settings, get_settings
from tests.landed import Copy, Landed
from tests.leak import AGAIN, AROUND, FROM, feature_tables, leaks

USE_CASES = [use_case.name for use_case in find_use_cases(get_settings()).use_cases]


@pytest.mark.parametrize("use_case", USE_CASES)
def test_no_feature_sees_what_is_delivered_later(spark: SparkSession, landed: Landed, use_case: str) -> None:
    assert leaks(spark, landed(use_case)) == {FROM: set(), AROUND: set(), AGAIN: set()}


def test_every_feature_model_of_every_use_case_is_looked_at(home: Settings) -> None:
    """A model that no feature table reads, and that is none itself, would escape the test above."""
    for use_case in find_use_cases(get_settings()).use_cases:
        project = DbtProject.of(use_case)
        tables = feature_tables(Catalog(use_case))
        assert tables, f"{use_case.name} has no table with features: give columns `role: feature` in its models' YAML"
        models = {file.stem for file in (models_folder(use_case) / "features").rglob("*.sql")}
        unread = models - _read_by(project, {table.identifier for table in tables})
        assert not unread, (
            f"{sorted(unread)} of {use_case.name} are in no feature table: declare `layer` and features, or remove them"
        )


def _read_by(project: DbtProject, models: set[str]) -> set[str]:
    """Names of the models and of all that they read."""
    nodes = project.manifest.nodes
    todo = [key for key, node in nodes.items() if node.name in models]
    seen = set()
    while todo:
        key = todo.pop()
        if key in nodes and key not in seen:
            seen.add(key)
            todo.extend(nodes[key].depends_on.nodes)
    return {nodes[key].name for key in seen}


def test_a_use_case_that_nobody_can_test_fails(landed: Landed, use_cases_copy: Copy) -> None:
    use_cases_copy.patch("flight_delays/use_case.yaml", "sample_source: sample_source\n", "")

    with pytest.raises(pytest.fail.Exception, match="flight_delays has no sample source, so nobody can test"):
        landed("flight_delays")
