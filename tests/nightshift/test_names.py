"""One name has one meaning: two files, constants or classes of one name are the same thing twice, or one is renamed."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from nightshift.home.settings import PROJECT_DIR

# Without use cases, whose files have the same names in each.
ROOMS = ("benchmarks", "dags", "expectations", "image", "nightshift", "plugins", "scoring", "spark_jobs", "training")
# Files that Python, pytest or a use case looks for by name.
EVERYWHERE = ("__init__", "__main__", "conftest", "sample_source")
# Of these rooms a file is named as what it speaks for: a command as its room or job, a DAG as its job.
SPEAKS_FOR = ("nightshift/commands/", "dags/")
CONSTANTS = {
    "AS_OF": "the word for `the champion of then`, in models and in DAG files, which import no code of models",
    "EPOCH": "where Unix time begins",
    "EXAMPLES": "how many examples a report shows",
    "KINDS": "the kinds of DAGs, in the plugin and in the kernel, which knows no plugin",
    "NAME": "the name of a check",
    "PAGE": "where a generated page lies",
    "PROJECT": "the checkout, in scripts that run before the package is installed",
    "READERS": "how many read at once",
    "Result": "a type variable",
    "TASK_ID": "the id of a task that a module makes",
    "WHY": "why a check is there",
}
FUNCTIONS = {
    "main": "the entry of a program",
    "natural_order": "one order, in Python and in Spark",
}


def test_no_two_files_have_one_name() -> None:
    named: dict[str, list[str]] = defaultdict(list)
    for path in _modules((*ROOMS, "tests")):
        if path.stem not in EVERYWHERE and not _speaks_for(path):
            named[path.stem].append(path.relative_to(PROJECT_DIR).as_posix())
    _are_as_listed(named, {})


def test_no_constant_class_or_type_has_two_meanings() -> None:
    defined: dict[str, list[str]] = defaultdict(list)
    for path in _modules(ROOMS):
        for name in _constants_and_classes(_parsed(path)):
            defined[name].append(path.relative_to(PROJECT_DIR).as_posix())
    _are_as_listed(defined, CONSTANTS)


def test_no_function_that_is_imported_by_its_bare_name_has_two_meanings() -> None:
    """What is called by its module's name, like `database.stop`, says by it what it means."""
    imported: dict[str, set[str]] = defaultdict(set)
    known = {_module(path): set(_functions(_parsed(path))) for path in _modules(ROOMS) if not _speaks_for(path)}
    for path in (each for each in _modules((*ROOMS, "tests")) if each.stem != "__init__"):
        for module, name in _imported(_parsed(path)):
            if name in known.get(module, ()):
                imported[name].add(module)
    _are_as_listed(imported, FUNCTIONS)


def test_no_package_gives_another_thing_by_the_name_of_its_module() -> None:
    """Whoever imports the module would find it there instead: Python sets it as an attribute of the package."""
    found = [
        f"{path.relative_to(PROJECT_DIR)}: {name}"
        for path in _modules(ROOMS)
        if path.stem == "__init__"
        for module, name in _imported(_parsed(path))
        if path.with_name(f"{name}.py").is_file() and module not in (_module(path), f"{_module(path)}.{name}")
    ]
    assert found == []


def _are_as_listed(places: Mapping[str, Collection[str]], reasons: Mapping[str, str]) -> None:
    shared = {name: found for name, found in places.items() if len(found) > 1}
    assert {name: found for name, found in shared.items() if name not in reasons} == {}, "name them apart, or say why"
    assert reasons.keys() - shared.keys() == set(), "take these out of the list"


def _modules(rooms: Iterable[str]) -> Iterator[Path]:
    for room in rooms:
        yield from sorted((PROJECT_DIR / room).rglob("*.py"))


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _speaks_for(path: Path) -> bool:
    return path.relative_to(PROJECT_DIR).as_posix().startswith(SPEAKS_FOR)


def _module(path: Path) -> str:
    relative = path.relative_to(PROJECT_DIR).with_suffix("").as_posix()
    return relative.removeprefix("plugins/").replace("/", ".").removesuffix(".__init__")


def _constants_and_classes(tree: ast.Module) -> Iterator[str]:
    for each in tree.body:
        if isinstance(each, ast.ClassDef):
            yield each.name
        elif isinstance(each, ast.Assign | ast.AnnAssign):
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
            yield from (name for name in names if name[0].isupper())


def _functions(tree: ast.Module) -> Iterator[str]:
    return (each.name for each in tree.body if isinstance(each, ast.FunctionDef) and not each.name.startswith("_"))


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for each in ast.walk(tree):
        if isinstance(each, ast.ImportFrom) and each.module:
            yield from ((each.module, alias.name) for alias in each.names)
