"""No part of this project reads a variable of the environment that the table does not name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.settings import PROJECT_DIR
from nightshift.variables import table

ROOMS = ("nightshift", "expectations", "spark_jobs", "training", "scoring", "plugins", "dags", "use_cases")
FIXED = {each.name for each in table.FIXED}


def _read(file: Path) -> Iterator[str]:
    """Names that a file takes out of `os.environ`, where they stand there as text."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Subscript(ast.Attribute(attr="environ"), ast.Constant(str(name)), ast.Load()):
                yield name
            case ast.Call(ast.Attribute(ast.Attribute(attr="environ")), [ast.Constant(str(name)), *_]):
                yield name
            case ast.Call(ast.Attribute(attr="getenv"), [ast.Constant(str(name)), *_]):
                yield name


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_read_stands_in_the_table(room: str) -> None:
    read = {name: file for file in sorted((PROJECT_DIR / room).rglob("*.py")) for name in _read(file)}
    assert {name: file for name, file in read.items() if not table.is_kept(name) and name not in FIXED} == {}


def test_nothing_lets_a_foreign_value_win() -> None:
    files = [file for room in ROOMS for file in (PROJECT_DIR / room).rglob("*.py")]
    assert [file for file in files if "environ.setdefault" in file.read_text(encoding="utf-8")] == []
