"""The reference page of errors, from their classes."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from nightshift.catalogue.generated_files import MARK, Generated, markdown_table
from nightshift.errors import EXIT_FINAL, EXIT_TEMPORARY, NightshiftError, kinds
from nightshift.home.settings import PROJECT_DIR, Settings

PAGE = PROJECT_DIR / "docs" / "reference" / "errors.md"
ROOMS = ("expectations", "nightshift", "plugins", "scoring", "spark_jobs", "training")
TITLE_ROW = ("Kind", "Class", "What it is", "Raised in", "Exit status", "Tried again", "On call")

TEXT = f"""# Errors

<!-- {MARK} -->

What ends a job, a command or a task of Airflow for a reason that people are told. A message says what is wrong and
where; the next step stands in its last line.

- **Final** errors exit **65**: a person must act. Airflow fails the task at once.
- **Temporary** errors exit **75**: trying again may help. Airflow retries the task 5 times, after 20, 40, 80, 160 and
  300 s; one that was overtaken once only, so that two runs can't alternate.
- Exit status **2** is wrong usage of a command line, **1** a bug with its traceback, or the answer no of a command that
  asks (`doctor`, `status`). A task whose job crashed or was killed is retried twice.

Kind, message and remedy are in the file that a job's `NIGHTSHIFT_RESULT_FILE` names, as JSON under `failure`.

"""


def generated(_: Settings) -> Generated:
    """The page."""
    return Generated({PAGE: page()}, [PAGE])


def page() -> str:
    """The text of the page."""
    places = raised_in()
    ordered = sorted(kinds().values(), key=lambda each: each.temporary)
    rows = [_row(each, sorted(places[each.__name__])) for each in ordered]
    return TEXT + "\n".join(markdown_table(TITLE_ROW, rows)) + "\n"


def raised_in() -> dict[str, set[str]]:
    """The rooms in whose code an error is made, by the name of its class, or of the class that it derives from."""
    trees = [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in _sources()]
    derived = {node.name: base for _, tree in trees for node, base in _derivations(tree)}
    found: dict[str, set[str]] = defaultdict(set)
    for path, tree in trees:
        # A folder of the kernel is a room by itself.
        folders = path.relative_to(PROJECT_DIR).parent.parts
        room = "/".join(folders[:2]) if folders[0] == "nightshift" else folders[0]
        for name in _made(tree):
            found[derived.get(name, name)].add(room)
    return found


def _made(node: ast.AST) -> Iterator[str]:
    """Names by which something may be made: not those in annotations, nor where errors are caught or asked for."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "bases") or (isinstance(node, ast.ExceptHandler) and field == "type"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.Name):
                yield child.id
            elif isinstance(child, ast.AST) and not _asks(child):
                yield from _made(child)


def _asks(node: ast.AST) -> bool:
    names = ("isinstance", "issubclass", "suppress")
    return isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) in names


def _derivations(tree: ast.AST) -> Iterator[tuple[ast.ClassDef, str]]:
    names = {each.__name__ for each in kinds().values()}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name not in names:
            yield from ((node, base.id) for base in node.bases if isinstance(base, ast.Name) and base.id in names)


def _sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((PROJECT_DIR / room).rglob("*.py"))


def _row(each: type[NightshiftError], places: Sequence[str]) -> list[str]:
    retries = {None: "as the task", 0: "no", 1: "once"}[each.retries]
    what = (inspect.getdoc(each) or "").partition("\n")[0]
    where = ", ".join(f"`{place}`" for place in places) or "–"
    status = str(EXIT_TEMPORARY if each.temporary else EXIT_FINAL)
    return [f"`{each.kind}`", f"`{each.__name__}`", what, where, status, retries, each.on_call]
