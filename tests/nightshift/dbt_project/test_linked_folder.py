"""dbt works in a folder of the home: what lies in use_cases/ stays as it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nightshift.dbt_project.linked_folder import SHARED, link
from nightshift.dbt_project.models_and_docs import compiled, write_docs
from nightshift.declarations.dbt_files import queries
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.errors import DeclarationError
from nightshift.home.settings import Settings, get_settings


def digests(folder: Path) -> dict[Path, str]:
    """The content of all files, but for what Python compiled of them."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_no_file_of_a_use_case_changes_when_dbt_parses_compiles_and_documents(home: Settings) -> None:
    before = digests(home.use_cases_dir)
    for use_case in find_use_cases(get_settings()).use_cases:
        assert compiled(use_case).keys() == queries(use_case).keys()
        assert write_docs(use_case).exists()
    assert digests(home.use_cases_dir) == before


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project, with a package that a person installed, and what dbt made when it was called by hand."""
    folder = tmp_path / "dbt"
    for name in ("models", "target", "dbt_packages/other", "dbt_packages/nightshift"):
        (folder / name).mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("{name: mine, profile: nightshift}")
    return folder


def linked(place: Path) -> dict[str, Path]:
    return {str(path.relative_to(place)): path.readlink() for path in place.rglob("*") if path.is_symlink()}


def test_what_a_project_holds_now_is_linked_beside_the_shared_package(project: Path, tmp_path: Path) -> None:
    (project / "macros").mkdir()
    link(project, tmp_path / "scratch")
    (project / "macros").rmdir()

    place = link(project, tmp_path / "scratch")

    assert linked(place) == {
        "models": project / "models",
        "dbt_project.yml": project / "dbt_project.yml",
        "dbt_packages/other": project / "dbt_packages" / "other",
        "dbt_packages/nightshift": SHARED,
    }
    assert [path.name for path in place.parent.iterdir()] == ["project"]


def test_links_follow_a_project_that_was_moved(project: Path, tmp_path: Path) -> None:
    link(project, tmp_path / "scratch")
    moved = project.rename(tmp_path / "moved")

    place = link(moved, tmp_path / "scratch")

    assert linked(place)["models"] == moved / "models"


def test_a_folder_that_is_no_project_is_refused(project: Path, tmp_path: Path) -> None:
    (project / "dbt_project.yml").unlink()
    with pytest.raises(DeclarationError, match=r"dbt_project\.yml is missing") as refused:
        link(project, tmp_path / "scratch")
    assert "profile: nightshift" in str(refused.value.remedy)
