"""A broken use case breaks only itself, whatever is wrong with it, and is named with file and remedy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from docs import generate
from nightshift.commands.sql import sql
from nightshift.declarations import found_use_cases
from nightshift.declarations.found_use_cases import asked_use_cases, find_use_cases
from nightshift.declarations.sql_checks import checked_use_cases
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from tests.declaring import TABLES, Shop


@pytest.fixture
def two(shop: Shop) -> Shop:
    """The use case ``shop``, and a copy of it that is called ``sound``."""
    shop.catalog()
    sound = shop.folder.with_name("sound")
    shutil.copytree(shop.folder, sound)
    _replace(sound / "use_case.yaml", "name: shop", "name: sound")
    return shop


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def _broken() -> str:
    """The sentence about the use case that is broken; all others must have been read."""
    found = find_use_cases(get_settings())
    assert [use_case.name for use_case in found.use_cases] == ["sound"]
    [sentence] = found.sentences
    return sentence


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: _replace(folder / "use_case.yaml", "title: Ret", " title: Ret"), "use_case.yaml, line "),
        (
            lambda folder: _replace(folder / "use_case.yaml", "title:", "titel:"),
            "use_case.yaml, line 3: titel: there is no such",
        ),
        (lambda folder: (folder / "use_case.yaml").write_text(""), "use_case.yaml, line 1: must hold a mapping"),
        (lambda folder: (folder / "use_case.yaml").unlink(), "use_case.yaml is missing: it says"),
        (lambda folder: (folder / "use_case.yaml").rename(folder / "use_case.yml"), "use_case.yml is read by nobody"),
        (lambda folder: (folder / "tables.yaml").write_text("tables:\n  - a\n - b\n"), "tables.yaml, line 3, is not"),
        (lambda folder: (folder / "tables.yaml").unlink(), "tables.yaml is missing: it declares the sources"),
        (lambda folder: (folder / "refine.py").write_text("def orders(:\n"), "refine.py, line 1, is not valid Python"),
        (lambda folder: (folder / "code.py").write_text(""), "code.py: nothing loads this module"),
    ],
    ids=["indentation", "unknown key", "empty", "missing", "yml", "tables", "no tables", "python", "unknown module"],
)
def test_the_others_are_read_and_the_broken_one_is_named_with_its_file(
    two: Shop, damage: Callable[[Path], object], said: str
) -> None:
    damage(two.folder)
    sentence = _broken()
    assert sentence.startswith("the use case shop is broken and left out: ")
    assert f"{two.folder}/{said}" in sentence


def test_a_name_that_is_not_its_folders_is_refused_with_the_line(two: Shop) -> None:
    shutil.copytree(two.folder, two.folder.with_name("copy"))
    found = find_use_cases(get_settings())
    assert [use_case.name for use_case in found.use_cases] == ["shop", "sound"]
    assert str(found.broken["copy"]).startswith(
        f"{two.folder.with_name('copy')}/use_case.yaml, line 2: name: is shop, and its folder is copy\nNext: give the"
    )


def test_a_folder_whose_name_can_be_no_use_cases_is_named(two: Shop) -> None:
    two.folder.rename(two.folder.with_name("Shop-1"))
    assert "'Shop-1' is not a use case's name: lower-case letters, digits and underscores\nNext: rename" in _broken()


def test_a_bug_that_one_use_case_meets_stops_no_other(two: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    read = found_use_cases.Catalog

    def with_a_bug(use_case: object) -> object:
        if getattr(use_case, "name", None) == "shop":
            raise KeyError("columns")
        return read(use_case)  # type: ignore[arg-type]

    monkeypatch.setattr(found_use_cases, "Catalog", with_a_bug)
    assert f"{two.folder} can't be read: KeyError: 'columns'\nNext: this is a bug of nightshift" in _broken()


def test_who_asks_for_one_use_case_hears_of_no_other(two: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    (two.folder / "tables.yaml").unlink()
    assert [each.name for each in asked_use_cases(get_settings(), "sound").use_cases] == ["sound"]
    assert capsys.readouterr().err == ""
    assert [each.name for each in asked_use_cases(get_settings(), None).use_cases] == ["sound"]
    assert "the use case shop is broken and left out: " in capsys.readouterr().err
    with pytest.raises(NightshiftError, match=r"tables\.yaml is missing"):
        asked_use_cases(get_settings(), "shop")


def test_sql_that_can_not_be_checked_breaks_its_use_case_only(two: Shop) -> None:
    rule = "    rules: [{name: known, must: nowhere > 1, why: It is not there.}]\n"
    (two.folder / "tables.yaml").write_text(TABLES.replace("    columns:", f"{rule}    columns:", 1))
    found = checked_use_cases(get_settings())
    assert [use_case.name for use_case in found.use_cases] == ["sound"]
    assert f"{two.folder}/tables.yaml, line 3: bronze.orders: rule known: must: nowhere is no column" in str(
        found.broken["shop"]
    )


def test_queries_are_answered_beside_a_broken_use_case(two: Shop, home: object) -> None:
    (two.folder / "use_case.yaml").write_text("name: [")
    answered = CliRunner().invoke(sql, ["SELECT 42 AS answer", "--format", "csv"])
    assert answered.exit_code == 0
    assert answered.stdout == "answer\n42\n"
    assert "the use case shop is broken and left out: " in answered.stderr


def test_files_of_a_broken_use_case_stay_and_the_check_fails(two: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (two.folder / "tables.yaml").write_text("tables: 5")
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 1
    told = capsys.readouterr().err
    assert told.count("the use case shop is broken and left out: ") == 1
    assert "stale" not in told
    (two.folder / "tables.yaml").write_text(TABLES)
    assert generate.main(["--check"]) == 0
