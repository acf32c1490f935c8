"""No part of this project reads a variable of the environment that the table does not name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from nightshift.home.settings import PROJECT_DIR
from nightshift.home.variables import known_variables

ROOMS = ("nightshift", "expectations", "spark_jobs", "training", "scoring", "plugins", "dags", "use_cases")
FIXED = {each.name for each in known_variables.FIXED}
# Of the standard library, what looks into the environment.
LOOKS = {"environ", "environb", "getenv", "getenvb", "gettempdir", "expandvars"}
UNSAID = "a name that does not stand there"
# Files that look for more than a name that stands in them, each with its reason.
FREE = {
    "nightshift/install/demo/peak_memory.py": "processes of a home are known by their variables",
    "nightshift/ledger/run_environment.py": "notes variables that it lists, with every attempt",
    "nightshift/dbt_project/run_dbt.py": "hides the variables of dbt from it",
    "nightshift/install/services/home_processes.py": "processes of a home are known by their variables",
    "nightshift/install/setup/bootstrap.py": "hands pip's settings on to uv, before anything is installed",
    "nightshift/install/compose/docker.py": "reads what Compose would read, and runs where nothing is installed",
    "nightshift/install/compose/smoke.py": "gives its composition a name and ports of its own",
    "nightshift/install/setup/jvm_class_archive.py": "hands its own, which is clean, on to a child",
    "nightshift/install/setup/image.py": "hands its own, which is clean, on to Docker",
    "nightshift/home/variables/entry.py": "cleans it",
    "nightshift/home/variables/read_variable.py": "the name of a database is a part of the variables' names",
}


def _name(node: ast.expr) -> str | None:
    """A name that stands there, or as a constant of the table."""
    match node:
        case ast.Constant(str(name)):
            return name
        case ast.Name(constant) | ast.Attribute(attr=constant) if constant.isupper():
            return getattr(known_variables, constant, None)
    return None


def _read(code: str) -> Iterator[str]:
    """Names that code takes out of the environment; `UNSAID` for each look at it that gives no name."""
    explained: list[ast.AST] = []
    # Breadth first: what surrounds a look at the environment comes before it.
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Subscript(ast.Attribute(attr="environ") as look, key, context) if name := _name(key):
                explained.append(look)
                if isinstance(context, ast.Load):
                    yield name
            case ast.Call(ast.Attribute(ast.Attribute(attr="environ") as look, "update")):
                explained.append(look)
            case ast.Call(ast.Name("cleaned"), [ast.Attribute(attr="environ") as look]):
                explained.append(look)
            case (
                ast.Call(ast.Attribute(ast.Attribute(attr="environ") as look), [key, *_])
                | ast.Call(ast.Attribute(attr="getenv") as look, [key, *_])
                | ast.Compare(key, [ast.In()], [ast.Attribute(attr="environ") as look])
            ) if name := _name(key):
                explained.append(look)
                yield name
            case ast.Attribute(attr=look) if look in LOOKS and node not in explained:
                yield UNSAID
            case ast.ImportFrom(names=names) if LOOKS & {each.name for each in names}:
                yield UNSAID


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ("os.environ['A'], os.environ.get('B', 'x'), os.getenv('C'), 'D' in os.environ", ["A", "B", "C", "D"]),
        (
            "os.environ.get(RESULT_FILE), os.environ[table.PII_KEY]",
            [known_variables.RESULT_FILE, known_variables.PII_KEY],
        ),
        ("os.environ['A'] = x; os.environ.update(x); cleaned(os.environ)", []),
        ("os.environ.get(variable)", [UNSAID]),
        ("os.environ[f'PG{name}']", [UNSAID]),
        ("os.getenv(variable)", [UNSAID]),
        ("dict(os.environ)", [UNSAID]),
        ("process.environ().get('A')", [UNSAID]),
        ("tempfile.gettempdir()", [UNSAID]),
        ("from os import environ", [UNSAID]),
    ],
)
def test_a_look_at_the_environment_is_seen(code: str, read: list[str]) -> None:
    assert sorted(_read(code)) == sorted(read)


def test_what_is_read_stands_in_the_table() -> None:
    files = {file: str(file.relative_to(PROJECT_DIR)) for room in ROOMS for file in (PROJECT_DIR / room).rglob("*.py")}
    read = {(path, name) for file, path in files.items() for name in _read(file.read_text(encoding="utf-8"))}
    assert {path for path, name in read if name == UNSAID} == FREE.keys()
    said = {(path, name) for path, name in read if name != UNSAID}
    fixed = {*FIXED, known_variables.LEFT_OUT}
    assert {(path, name) for path, name in said if not known_variables.is_kept(name) and name not in fixed} == set()


def test_nothing_lets_a_foreign_value_win() -> None:
    files = [file for room in ROOMS for file in (PROJECT_DIR / room).rglob("*.py")]
    assert [file for file in files if "environ.setdefault" in file.read_text(encoding="utf-8")] == []
