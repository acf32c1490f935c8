"""Which data tests a slice must have passed, from manifests of dbt itself; this starts no Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dbt.artifacts.schemas.results import NodeStatus
from dbt.artifacts.schemas.run import RunResult

from nightshift.dbt_project import data_tests, unrun_tests
from nightshift.dbt_project.build_models import DbtProject
from nightshift.errors import NightshiftError

# `mart` reads `inner_rows`, which is computed with it; `later` is a table of another layer.
MODELS = {
    "mart.sql": "{{ config(materialized='stage') }} select number from {{ ref('inner_rows') }}",
    "inner_rows.sql": "{{ config(materialized='ephemeral', meta={'keys': []}) }} select 1 as number",
    "later.sql": "{{ config(materialized='stage') }} select number from {{ ref('inner_rows') }}",
    "off.sql": "{{ config(enabled=false) }} select 1 as number",
}
YAML = """
models:
  - name: mart
    columns:
      - name: number
        data_tests:
          - not_null: {name: plain}
          - not_null: {name: declared_to_warn, config: {severity: warn, where: number > 1}}
          - not_null: {name: declared_to_warn_up_to_five, config: {error_if: "> 5"}}
          - not_null: {name: declared_off, config: {enabled: false}}
          - relationships: {name: two_parents, arguments: {to: ref('later'), field: number}}
  - name: inner_rows
    columns: [{name: number, data_tests: [not_null: {name: of_inner_rows}]}]
  - name: later
    columns:
      - {name: number, data_tests: [relationships: {name: of_later, arguments: {to: ref('inner_rows'), field: number}}]}
"""
PROJECT = """
name: shop
profile: nightshift
flags:
  send_anonymous_usage_stats: false
data_tests:
  shop:
    +severity: error
"""
ALL = {"plain", "declared_to_warn", "declared_to_warn_up_to_five", "two_parents", "of_inner_rows", "in_a_file"}


class Project:
    """A dbt project with models of no use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("dbt_project.yml", PROJECT)
        for name, text in MODELS.items():
            self.write(f"models/{name}", text)
        self.write("models/mart.yml", YAML)
        self.write("tests/in_a_file.sql", "select * from {{ ref('mart') }}")

    def write(self, file: str, text: str) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def append(self, file: str, text: str) -> None:
        self.write(file, (self.folder / file).read_text() + text)

    def dbt(self) -> DbtProject:
        return DbtProject(self.folder, self.folder.with_name("scratch"))

    def manifest(self) -> Any:
        return self.dbt().manifest

    def tests(self) -> list[Any]:
        manifest = self.manifest()
        return data_tests.declared_tests(manifest, data_tests.models_of(manifest, ["mart"]))

    def refusal(self) -> str:
        with pytest.raises(NightshiftError) as refused:
            self.tests()
        return str(refused.value)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "dbt")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The project as it is, parsed once."""
    return Project(tmp_path_factory.mktemp("parsed") / "dbt").manifest()


def result_of(node: Any, status: NodeStatus) -> RunResult:
    return RunResult.from_node(node, status, "as it was")


def test_the_manifest_says_which_tests_a_slice_must_pass(manifest: Any) -> None:
    models = data_tests.models_of(manifest, ["mart"])
    tests = data_tests.declared_tests(manifest, models)

    # `of_later` needs a table that another run builds, `declared_off` says so itself.
    assert {test.name for test in tests} == ALL

    passed = [
        *(result_of(model, NodeStatus.Success) for model in models),
        *(result_of(test, NodeStatus.Pass) for test in tests),
    ]
    assert data_tests.failures(models, tests, passed) == []
    # As with `indirect_selection: empty`, and with `cautious`.
    missing = data_tests.failures(models, tests, passed[:1])
    assert missing == [f"  test: {test.name} (no result: it did not run)" for test in tests]
    [missing] = data_tests.failures(models, tests, [each for each in passed if each.node.name != "two_parents"])
    assert missing == "  test: two_parents (no result: it did not run)"
    # A model that has no result was not built; what is skipped was not judged.
    assert data_tests.failures(models, tests, passed[1:]) == ["  model: mart (no result: it did not run)"]
    skipped = [result_of(each.node, NodeStatus.Skipped) if each.node.name == "plain" else each for each in passed]
    assert data_tests.failures(models, tests, skipped) == ["  test: plain (skipped)\n    found: as it was"]


def test_a_test_warns_only_where_it_declares_that(manifest: Any) -> None:
    models = data_tests.models_of(manifest, ["mart"])
    tests = data_tests.declared_tests(manifest, models)
    warned = [result_of(test, NodeStatus.Warn) for test in tests]

    found = data_tests.failures([], tests, warned)

    said = {line.split()[1] for line in found}
    assert said == ALL - {"declared_to_warn", "declared_to_warn_up_to_five"}


def test_what_makes_a_test_milder_from_above_is_refused_by_name(project: Project) -> None:
    project.append(
        "dbt_project.yml",
        """
    plain: {+severity: warn, +where: "number > 2", +limit: 0}
    declared_to_warn: {+where: "1 = 0", +severity: warn}
    two_parents: {+enabled: false}
    in_a_file: {+error_if: "> 5", +warn_if: "> 4", +fail_calc: "0"}
""",
    )
    project.append(
        "models/mart.yml", "    data_tests: [relationships: {name: lost, arguments: {to: ref('gone'), field: n}}]\n"
    )
    project.write("tests/reads_what_is_off.sql", "select * from {{ ref('mart') }} join {{ ref('off') }} using (number)")
    project.write(
        "tests/lost_table.sql", "select * from {{ ref('mart') }} join {{ source('silver', 'gone') }} using (n)"
    )

    for _ in range(2):  # parsed, and parsed from the cache
        lines = dict(
            line.strip().split(" (", 1)
            for line in project.refusal().splitlines()
            if ".yml): " in line or ".sql): " in line
        )
        assert "severity: warn is set above it; where: number > 2 is set above it; limit: 0 is set" in lines["plain"]
        assert "it is off" in lines["two_parents"]
        for fault in ("error_if: > 5", "warn_if: > 4", "fail_calc: 0"):
            assert f"{fault} is set above it" in lines["in_a_file"]
        assert "something that it reads is gone: mart, off" in lines["reads_what_is_off"]
        assert "something that it reads is gone: mart, silver.gone" in lines["lost_table"]
        # The test's own words win over those above it.
        assert "declared_to_warn" not in lines


def test_a_model_that_dbt_does_not_build_is_named(manifest: Any) -> None:
    with pytest.raises(NightshiftError, match=r"(?s)off: `enabled: false` keeps dbt from.*nope: dbt has no such model"):
        data_tests.models_of(manifest, ["mart", "off", "nope"])


def test_a_table_that_is_not_as_its_yaml_declares_is_named(manifest: Any) -> None:
    folder = Path("use_cases/shop/dbt")
    data_tests.refuse_undeclared(manifest, folder, {"mart", "later"})
    unrun_tests.refuse_unrun(manifest, folder, [["mart"], ["later"]])
    with pytest.raises(NightshiftError, match=r"shop/dbt/models/later.sql writes a table that no YAML declares"):
        data_tests.refuse_undeclared(manifest, folder, {"mart"})
    with pytest.raises(NightshiftError, match=r"shop/dbt/models/inner_rows.sql sets `meta` in its SQL"):
        data_tests.refuse_undeclared(manifest, folder, {"mart", "later", "inner_rows"})


def test_a_test_that_no_layer_runs_is_named(project: Project) -> None:
    project.write(
        "models/later.yml", "models: [{name: lonely, columns: [{name: n, data_tests: [not_null: {name: of_lonely}]}]}]"
    )
    project.write("models/lonely.sql", "{{ config(materialized='ephemeral') }} select 1 as n")
    tables = "[{name: t, columns: [{name: n, data_tests: [not_null: {name: of_source}]}]}]"
    project.write("models/sources.yml", f"sources: [{{name: shop, tables: {tables}}}]")
    project.write("tests/reads_a_source.sql", "select * from {{ source('shop', 't') }}")
    project.write("tests/reads_nothing.sql", "select 1")
    project.write("tests/reads_nothing_and_is_off.sql", "{{ config(enabled=false) }} select 1")
    project.append("dbt_project.yml", "\n    reads_a_source: {+enabled: false}\n")

    with pytest.raises(NightshiftError) as refused:
        unrun_tests.refuse_unrun(project.manifest(), project.folder, [["mart"], ["later"]])

    named = {line.split()[0] for line in str(refused.value).splitlines() if line.startswith("  ")}
    assert named == {"of_lonely", "of_source", "reads_a_source", "reads_nothing"}


def test_the_tests_that_a_mart_needs_let_no_row_pass(project: Project) -> None:
    # A test of the project's own that has the name of a shared one is none of those.
    own = "{% test declared_values_hold(model) %} select 1 {% endtest %}"
    project.write("tests/generic/declared_values_hold.sql", own)
    declared = (
        "    data_tests: [nightshift.rows_are_unique: {name: unique_rows}, declared_values_hold: {name: own},\n"
        "      nightshift.declared_values_hold: {name: values, config: CONFIG}]\n"
    )
    project.write("models/mart.yml", "models:\n  - name: mart\n" + declared)
    yaml = (project.folder / "models/mart.yml").read_text()
    for config in ("{fail_calc: '0'}", "{limit: 0}", "{enabled: false}", "{where: 1 = 0}", "{severity: warn}", "{}"):
        project.write("models/mart.yml", yaml.replace("CONFIG", config))
        manifest = project.manifest()
        models = data_tests.models_of(manifest, ["mart"])
        tests = data_tests.declared_tests(manifest, models)
        if config == "{}":
            data_tests.refuse_lacking(tests, models)
            continue
        with pytest.raises(
            NightshiftError, match=r"(?s)as no data test would check.*  mart: nightshift.declared_values_hold\n"
        ) as refused:
            data_tests.refuse_lacking(tests, models)
        assert "rows_are_unique" not in str(refused.value)


def test_a_list_of_files_that_dbt_shall_ignore_is_refused(project: Project) -> None:
    project.write(".dbtignore", "tests/*\n")
    with pytest.raises(NightshiftError, match=r"\.dbtignore would leave models or tests out"):
        project.manifest()


def test_an_unknown_source_names_the_command_that_writes_it(project: Project) -> None:
    project.write("models/mart.sql", "select * from {{ source('silver', 'shop_orders') }}")
    with pytest.raises(NightshiftError, match=r"(?s)source named 'silver.shop_orders'.*next: run `make docs`"):
        project.manifest()


def test_the_environment_and_flags_of_the_project_change_no_call(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (project.folder / "dbt_project.yml").read_text()
    assert "\nflags:\n" in text
    project.write(
        "dbt_project.yml", text.replace("\nflags:\n", "\nflags:\n  indirect_selection: empty\n  fail_fast: true\n")
    )
    for name, value in {
        "INDIRECT_SELECTION": "nonsense",
        "RESOURCE_TYPES": "model",
        "EMPTY": "1",
        "TARGET": "no",
    }.items():
        monkeypatch.setenv(f"DBT_{name}", value)
        monkeypatch.setenv(f"DBT_ENGINE_{name}", value)

    outcome = project.dbt().command("list", "--select", "mart")

    assert {name.rsplit(".", 1)[-1] for name in outcome.result} == {"mart", *ALL - {"of_inner_rows"}}


def test_a_project_that_reads_the_environment_is_refused(project: Project) -> None:
    project.write("models/mart.sql", "select {{ env_var('IN_SQL', '1') }} as number")
    project.write("models/mart.yml", YAML.replace("severity: warn,", "severity: \"{{ env_var('IN_YAML', 'warn') }}\","))
    declared = (project.folder / "dbt_project.yml").read_text()
    assert "+severity: error" in declared
    project.write("dbt_project.yml", declared.replace("+severity: error", "+severity: \"{{ env_var('X', 'error') }}\""))

    with pytest.raises(NightshiftError, match=r"dbt reads the environment in .*: IN_SQL, IN_YAML, dbt_project.yml; "):
        project.manifest()
