"""Whatever stands in the place of a value, a declaration is read, or refused with the name of its file."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.yaml_form import read_yaml
from nightshift.errors import NightshiftError
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.models.reasons_dictionary import wordings
from training.judging.gates import load_gates

NAME = "flight_delays"
# What YAML makes of nothing, lists, mappings, a number, yes and a text.
KINDS: tuple[Any, ...] = (None, ["x"], [{"name": ["x"]}], {"a": ["b"]}, 5, True, "x")
Place = tuple[Any, ...]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example's declarations that tests may break."""
    # Audits and code of tables that a changed file lacks are another test's matter.
    shutil.copytree(
        PROJECT_DIR / "use_cases" / NAME,
        tmp_path / "use_cases" / NAME,
        ignore=shutil.ignore_patterns("audits", "refine.py"),
    )
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path / "use_cases"))
    get_settings.cache_clear()
    return tmp_path


@pytest.mark.parametrize(
    "file",
    [
        "use_cases/{}/use_case.yaml",
        "use_cases/{}/tables.yaml",
        "use_cases/{}/gates.yaml",
        "use_cases/{}/reasons.yaml",
        "use_cases/{}/dbt/models/features/{}_features.yml",
        "use_cases/{}/dbt/models/marts/{}_late_rates.yml",
    ],
)
def test_a_value_of_another_kind_is_taken_or_told_with_its_file(example: Path, file: str) -> None:
    path = example / file.format(NAME, NAME)
    use_case = UseCase.load(NAME, get_settings())
    features = next(table for table in Catalog(use_case) if table.features)
    loads: dict[str, Callable[[], object]] = {
        "use_case.yaml": lambda: UseCase.load(NAME, get_settings()),
        "gates.yaml": lambda: load_gates(use_case),
        "reasons.yaml": lambda: wordings(use_case, features),
    }
    load = loads.get(path.name, lambda: Catalog(use_case))
    # Reading all files each time would take the most of it.
    for other in example.rglob("*.yml"):
        if other != path:
            other.unlink()
    if path.suffix == ".yml":
        (use_case.folder / "tables.yaml").write_text("tables: []")
    raw, wrong, refused = read_yaml(path), [], 0
    for place in _places(raw):
        for kind in KINDS:
            # JSON is YAML.
            path.write_text(json.dumps(_cut(_replaced(raw, place, kind), place), default=str))
            try:
                load()
            except NightshiftError as error:
                refused += 1
                # A table that is lost is told where another one asks for it.
                if str(example) not in str(error):
                    wrong.append(f"{place} = {kind}: {error}")
            except Exception as error:
                wrong.append(f"{place} = {kind}: {error!r}")
    assert wrong == []
    assert refused > 20


def _places(raw: Any) -> list[Place]:
    """The first place of each kind: of the columns of all tables, one type."""
    found: dict[Place, Place] = {}
    for place, kind in _all_places(raw, (), ()):
        found.setdefault(kind, place)
    return list(found.values())


def _all_places(raw: Any, place: Place, kind: Place) -> Iterator[tuple[Place, Place]]:
    items = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    # Lists, and mappings by names that people give, hold things of one kind.
    alike = isinstance(raw, list) or (
        bool(items) and place != () and all(isinstance(child, dict) for _, child in items)
    )
    yield place, kind
    for part, child in items:
        yield from _all_places(child, (*place, part), (*kind, "*" if alike else part))


def _cut(raw: Any, place: Place) -> Any:
    """Of many tables only the one that is changed."""
    if place[:1] == ("tables",) and len(place) > 1:
        return {"tables": [raw["tables"][place[1]]]}
    return raw


def _replaced(raw: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    changed = copy.copy(raw)
    changed[place[0]] = _replaced(raw[place[0]], place[1:], value)
    return changed
