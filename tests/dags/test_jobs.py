"""House rules, held by every job that a task of a DAG starts."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest
from airflow.sdk import DAG

from nightshift.stages import DECLARED
from nightshift_airflow.operators import JobOperator

# What a screen holds.
LONGEST = 40


def test_jobs_have_one_shape(dags: dict[str, DAG], capsys: pytest.CaptureFixture[str]) -> None:
    started = {task.module for dag in dags.values() for task in dag.tasks if isinstance(task, JobOperator)}
    assert started >= {stage.job for stage in DECLARED}
    for name in sorted(started):
        module = importlib.import_module(name)
        with pytest.raises(SystemExit) as ended:
            module.main(["--help"])
        shown = capsys.readouterr().out
        assert (name, ended.value.code) == (name, 0)
        assert "--use-case" in shown
        assert "--dates" in shown
        assert (module.__doc__ or name).splitlines()[0] in shown
        assert too_long(Path(str(module.__file__))) == {}


def too_long(file: Path) -> dict[str, int]:
    """The functions that do not fit on a screen, with their lines."""
    functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
    lines = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert "main" in lines
    return {name: number for name, number in lines.items() if number > LONGEST}


def test_a_function_that_is_too_long_is_found(tmp_path: Path) -> None:
    file = tmp_path / "job.py"
    file.write_text("def main():\n" + "    pass\n" * LONGEST)
    assert too_long(file) == {"main": LONGEST + 1}
