"""A use case is a folder: it is dropped in and taken out, and nothing outside of it names it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from docs import generate
from nightshift.home.settings import PROJECT_DIR, Settings, get_settings
from tests.nightshift.dbt_project.test_linked_folder import digests

USE_CASES = sorted(path.parent.name for path in (PROJECT_DIR / "use_cases").glob("*/use_case.yaml"))
# Words of the example's domain.
DOMAIN = ("flights?", "late_rates?", "carriers?", "airports?", "airlines?")
# Tests and documents of examples, and what measures or shows the example.
MAY_NAME = re.compile(
    r"(use_cases|tests|docs|benchmarks)/|(README|CONTRIBUTING|CHANGELOG)\.md|Makefile|nightshift/install/compose/example\.py"
)


def test_nothing_outside_its_folder_names_a_use_case_or_its_domain() -> None:
    # Hidden folders, and those of compiled code, hold what programs made.
    paths = (path for room in sorted(PROJECT_DIR.glob("[!.]*")) for path in (room, *room.rglob("*")))
    listed = [str(path.relative_to(PROJECT_DIR)) for path in paths if "__pycache__" not in path.parts]
    # What belongs to a word may be joined by an underscore.
    word = re.compile(rf"(?<![a-z0-9])({'|'.join((*USE_CASES, *DOMAIN))})(?![a-z0-9])", re.IGNORECASE)
    named = [
        f"{file}:{number}: {line.strip()}"
        for file in listed
        if not MAY_NAME.match(file) and (PROJECT_DIR / file).is_file()
        for number, line in enumerate((PROJECT_DIR / file).read_text(errors="replace").splitlines(), 1)
        if word.search(line)
    ]
    assert named == []


@pytest.fixture
def folders(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all use cases in another place, with those of the checkout."""
    folder = Path(shutil.copytree(PROJECT_DIR / "use_cases", tmp_path / "use_cases"))
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder))
    get_settings.cache_clear()
    return folder


def test_a_folder_that_is_dropped_in_gets_all_that_follows_and_leaves_no_trace(folders: Path) -> None:
    assert generate.main([]) == 0
    added = folders / "bookings"
    shutil.copytree(
        folders / "flight_delays", added, ignore=shutil.ignore_patterns("pages", "contracts", "sources.yml")
    )
    for file in [path for path in added.rglob("*flight_delays*") if path.is_file()]:
        file.rename(file.with_name(file.name.replace("flight_delays", "bookings")))
    for file in [path for path in added.rglob("*") if path.suffix in (".yaml", ".yml", ".sql")]:
        file.write_text(file.read_text().replace("flight_delays", "bookings"))
    before = digests(folders / "flight_delays")

    assert generate.main([]) == 0

    assert digests(folders / "flight_delays") == before
    for made in ("pages/tables/gold.scores.md", "pages/features.md", "pages/dags/bookings_train.md"):
        assert "flight_delays" not in (added / made).read_text()
    assert (added / "contracts" / "gold.scores.odcs.yaml").is_file()
    assert generate.main(["--check"]) == 0

    shutil.rmtree(added)
    assert generate.main(["--check"]) == 0


def test_without_any_use_case_nothing_is_stale(folders: Path) -> None:
    for name in USE_CASES:
        shutil.rmtree(folders / name)
    assert generate.main(["--check"]) == 0
