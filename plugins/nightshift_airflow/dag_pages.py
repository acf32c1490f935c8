"""Reference pages of the DAGs, from the DAGs themselves."""

from __future__ import annotations

import os
import runpy
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.catalogue.generated_files import MARK, Generated, markdown_link, markdown_table
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import PROJECT_DIR, Settings
from nightshift_airflow.dag_kinds import KINDS, kind_of

if TYPE_CHECKING:
    from airflow.sdk import DAG


def generated(home: Settings) -> Generated:
    """The pages of all DAGs."""
    places = [*home.use_cases_dir.glob("*/pages/dags/*.md")]
    return Generated(pages(home), places, find_use_cases(home).sentences)


def pages(home: Settings) -> dict[Path, str]:
    """The text of every page by its path."""
    with tempfile.TemporaryDirectory() as airflow_home:
        # Importing Airflow writes a configuration file.
        os.environ["AIRFLOW_HOME"] = airflow_home
        return {place_of(dag, home): page(dag, home) for dag in load_dags().values()}


def place_of(dag: DAG, home: Settings) -> Path:
    """Where the page of a DAG lies: in the folder of its use case, whose name begins the DAG's id."""
    use_case = dag.dag_id.removesuffix(f"_{kind_of(dag.dag_id)}")
    return home.use_cases_dir / use_case / "pages" / "dags" / f"{dag.dag_id}.md"


def load_dags(folder: Path = PROJECT_DIR / "dags") -> dict[str, DAG]:
    """All DAGs of the DAG files, by id, without a database."""
    from airflow.sdk import DAG

    loaded: dict[str, DAG] = {}
    for kind in KINDS:
        values = runpy.run_path(str(folder / f"{kind}.py")).values()
        loaded |= {value.dag_id: value for value in values if isinstance(value, DAG)}
    return loaded


def page(dag: DAG, home: Settings) -> str:
    """The reference page of one DAG, in Markdown."""
    from nightshift_airflow.defaults import RUNBOOKS

    text, _, _ = (dag.doc_md or "").partition("\n---\n")
    runbook = markdown_link(RUNBOOKS / f"{kind_of(dag.dag_id)}.md", place_of(dag, home), home)
    return "\n".join(
        [
            f"# {dag.dag_id}",
            "",
            f"<!-- {MARK} -->",
            "",
            text.strip(),
            "",
            f"The runbook: {runbook}",
            "",
            "## Schedule",
            "",
            *_schedule(dag),
            "",
            "## Params",
            "",
            *markdown_table(["Param", "Default", "Allowed", "Meaning"], [_param(dag, name) for name in dag.params]),
            "",
            "## Tasks",
            "",
            *markdown_table(
                ["Task", "Runs", "After", "Retries", "Timeout", "Pool"],
                [_task(task) for task in dag.topological_sort()],  # type: ignore[no-untyped-call]
            ),
            "",
        ]
    )


def _schedule(dag: DAG) -> list[str]:
    allowed = (
        ", ".join(sorted(str(getattr(kind, "value", kind)) for kind in dag.allowed_run_types or ()))
        or "all kinds of runs"
    )
    return [*_ticks(dag), f"- Runs at a time: {dag.max_active_runs}", f"- Allowed: {allowed}"]


def _ticks(dag: DAG) -> list[str]:
    ticks: Any = dag.schedule
    if ticks is None:
        return ["- When: by hand or over REST"]
    bounds = f"from {ticks.first}" + (f" to {ticks.last}" if ticks.last else "")
    return [
        f"- When: {ticks.words}, {ticks.zone}",
        f"- Ticks: {bounds}; catch-up is {'on' if dag.catchup else 'off'}",
    ]


def _param(dag: DAG, name: str) -> list[str]:
    param = dag.params.get_param(name)
    schema = param.schema
    kinds = schema.get("type", "any")
    allowed = " or ".join(f"`{kind}`" for kind in ([kinds] if isinstance(kinds, str) else kinds))
    for key in ("format", "pattern", "enum", "minimum", "maximum"):
        if key in schema:
            allowed += f", {key} `{schema[key]}`"
    default = f"`{param.value}`" if param.has_value else "none"
    return [f"`{name}`", default, allowed, schema.get("description_md", "")]


def _task(task: Any) -> list[str]:
    runs = f"`python -m {task.module}`" if hasattr(task, "module") else type(task).__name__
    after = ", ".join(f"`{upstream}`" for upstream in sorted(task.upstream_task_ids)) or "none"
    return [f"`{task.task_id}`", runs, after, str(task.retries), str(task.execution_timeout), f"`{task.pool}`"]
