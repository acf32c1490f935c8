"""Reference pages of the DAGs, written from the DAGs themselves: ``python -m nightshift_airflow.reference``.

With ``--check`` nothing is written, and the exit status is 1 when a page is stale.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.settings import PROJECT_DIR

if TYPE_CHECKING:
    from airflow.sdk import DAG

REFERENCE = PROJECT_DIR / "docs" / "reference" / "dags"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check them; gives the exit status."""
    parser = argparse.ArgumentParser(description="Write the reference pages of all DAGs.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is stale")
    is_check = parser.parse_args(arguments).check
    with tempfile.TemporaryDirectory() as airflow_home:
        # Importing Airflow writes a configuration file.
        os.environ.setdefault("AIRFLOW_HOME", airflow_home)
        expected = {REFERENCE / f"{dag_id}.md": page(dag) for dag_id, dag in load_dags().items()}
    found = {path: path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md")}
    if is_check:
        stale = sorted(path.name for path in expected.keys() | found.keys() if expected.get(path) != found.get(path))
        if stale:
            sys.stderr.write(f"stale: {', '.join(stale)}; run `python -m nightshift_airflow.reference`\n")
        return 1 if stale else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for path in found.keys() - expected.keys():
        path.unlink()
    for path, text in expected.items():
        path.write_text(text, encoding="utf-8")
    return 0


def load_dags(folder: Path = PROJECT_DIR / "dags") -> dict[str, DAG]:
    """All DAGs of the DAG files, by id, without a database."""
    from airflow.sdk import DAG

    loaded: dict[str, DAG] = {}
    for file in sorted(folder.glob("*.py")):
        values = runpy.run_path(str(file)).values()
        loaded |= {value.dag_id: value for value in values if isinstance(value, DAG)}
    return loaded


def page(dag: DAG) -> str:
    """The reference page of one DAG, in Markdown."""
    text, _, _ = (dag.doc_md or "").partition("\n---\n")
    runbook = f"../../runbooks/{dag.dag_id.rpartition('_')[2]}.md"
    return "\n".join(
        [
            f"# {dag.dag_id}",
            "",
            "<!-- Written by `python -m nightshift_airflow.reference`; edits are lost. -->",
            "",
            text.strip(),
            "",
            f"The runbook: [{runbook.rpartition('/')[2]}]({runbook})",
            "",
            "## Schedule",
            "",
            *_schedule(dag),
            "",
            "## Params",
            "",
            *_table(["Param", "Default", "Allowed", "Meaning"], [_param(dag, name) for name in dag.params]),
            "",
            "## Tasks",
            "",
            *_table(
                ["Task", "Runs", "After", "Retries", "Timeout", "Pool"],
                [_task(task) for task in dag.topological_sort()],  # type: ignore[no-untyped-call]
            ),
            "",
        ]
    )


def _schedule(dag: DAG) -> list[str]:
    timetable: Any = dag.timetable
    cron = getattr(timetable, "expression", None)
    when = f"`{cron}`, {timetable.timezone}" if cron else "by hand or over REST"
    bounds = f"from {_day(dag.start_date)}" + (f" to {_day(dag.end_date)}" if dag.end_date else "")
    allowed = (
        ", ".join(sorted(str(getattr(kind, "value", kind)) for kind in dag.allowed_run_types or ()))
        or "all kinds of runs"
    )
    return [
        f"- When: {when}",
        f"- Ticks: {bounds}; catch-up is {'on' if dag.catchup else 'off'}",
        f"- Runs at a time: {dag.max_active_runs}",
        f"- Allowed: {allowed}",
    ]


def _day(moment: Any) -> str:
    return "always" if moment is None else moment.isoformat()


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


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


if __name__ == "__main__":
    sys.exit(main())
