"""What dbt's data tests and contract find in a model of three rows, and what its YAML must ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshift.dbt_project.build_models import DbtProject
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings
from nightshift.lake.audit_report import Check
from tests.silver import forget_tables

SQL = r"""
{{ config(materialized='stage') }}
select date'2024-01-01' as batch_date, place, code, number
from values ('O\'Hare', 'AA1', 1), ('C:\\new', 'AA1x', 2), ('Elsewhere', 'BB2', 3) as rows (place, code, number)
"""
# The second test is of severity error, and warns all the same.
YAML = r"""
models:
  - name: tiny
    config: {meta: {keys: [number]}}
    data_tests:
      - nightshift.rows_are_unique: {name: tiny_has_one_row_per_number}
      - nightshift.declared_values_hold:
          name: tiny_keeps_to_declared_values
          description: They are read as they stand.
          config: {severity: error, warn_if: "> 0", error_if: "> 5"}
    columns:
      - {name: batch_date, data_type: date}
      - {name: place, data_type: string, config: {meta: {accepted: ["O'Hare", 'C:\new']}}}
      - {name: code, data_type: string, config: {meta: {pattern: '[A-Z]{2}\d'}}}
      - {name: number, data_type: int, config: {meta: {minimum: 1, maximum: 3}}}
"""
SINGULAR = "{{ config(severity='warn') }} select * from {{ ref('tiny') }} where number > 2"


@pytest.fixture
def folder(spark: SparkSession, home: Settings, tmp_path: Path) -> Path:
    """A project with one model, and a test in a file of its own."""
    forget_tables(spark)
    project = tmp_path / "dbt"
    for name in ("models", "tests"):
        (project / name).mkdir(parents=True)
    (project / "dbt_project.yml").write_text("{name: tiny, profile: nightshift}")
    (project / "models" / "tiny.sql").write_text(SQL)
    (project / "models" / "tiny.yml").write_text(YAML)
    (project / "tests" / "tiny_is_small.sql").write_text(SINGULAR)
    return project


def built(project: DbtProject, stage: Path) -> dict[str, Check]:
    variables = {"stage_folders": {"tiny": str(stage)}}
    found = project.build(["tiny"], variables, remedy="look", written=lambda _: None)
    return {check.name: check for check in found["tiny"]}


def test_what_was_tested_and_what_warned_become_checks(folder: Path, tmp_path: Path) -> None:
    project = DbtProject(folder, tmp_path / "scratch")

    with pytest.raises(NightshiftError) as refused:
        project.refuse_untested(["tiny"])
    checks = built(project, tmp_path / "stage")

    assert "  tiny: nightshift.declared_values_hold\n" in str(refused.value)
    assert "rows_are_unique" not in str(refused.value)
    unique, values = checks["tiny_has_one_row_per_number"], checks["tiny_keeps_to_declared_values"]
    assert (unique.passed, unique.consequence) == (True, "blocks")
    assert (values.passed, values.consequence, values.failed_rows) == (False, "warns", 2)
    assert values.why == "They are read as they stand."
    assert [(row["number"], row["broken_rules"].strip("; ")) for row in values.examples] == [
        (2, "code does not match its pattern"),
        (3, "place is not accepted"),
    ]
    assert (checks["tiny_is_small"].consequence, checks["tiny_is_small"].failed_rows) == ("warns", 1)


def test_a_model_has_the_columns_that_are_declared(folder: Path, tmp_path: Path) -> None:
    model = folder / "models" / "tiny.sql"
    model.write_text(model.read_text().replace("place, code, number\n", "place, code, number, 1 as more\n"))

    with pytest.raises(NightshiftError, match=r"(?s)model: tiny \(error\).*more"):
        built(DbtProject(folder, tmp_path / "scratch"), tmp_path / "stage")
