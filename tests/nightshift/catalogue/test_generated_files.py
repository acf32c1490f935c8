"""Generated files are written, checked and removed; what a person wrote is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import generate
from nightshift.catalogue.generated_files import MARK, Generated, markdown_table
from tests.declaring import Shop

TEXT = f"<!-- {MARK} -->\n"


def generated(folder: Path) -> Generated:
    return Generated({folder / "a" / "one.md": TEXT + "one", folder / "two.md": TEXT + "two"}, [*folder.rglob("*.md")])


def test_what_is_written_is_not_stale(tmp_path: Path) -> None:
    assert generated(tmp_path).stale() == [tmp_path / "a" / "one.md", tmp_path / "two.md"]
    generated(tmp_path).write()
    assert generated(tmp_path).stale() == []
    assert (tmp_path / "a" / "one.md").read_text() == TEXT + "one"


@pytest.mark.parametrize("damage", ["change", "remove", "leave over"])
def test_a_stale_file_is_named_and_written(tmp_path: Path, damage: str) -> None:
    generated(tmp_path).write()
    page = tmp_path / ("gone.md" if damage == "leave over" else "two.md")
    if damage == "remove":
        page.unlink()
    else:
        page.write_text(TEXT + "edited")
    assert generated(tmp_path).stale() == [page]
    generated(tmp_path).write()
    assert page.exists() == (damage != "leave over")
    assert generated(tmp_path).stale() == []


def test_what_is_left_of_a_broken_use_case_stays(tmp_path: Path) -> None:
    left = tmp_path / "gone.md"
    left.write_text(TEXT)
    assert Generated({}, [left], ["it is broken"]).stale() == []
    assert Generated({}, [left]).stale() == [left]


def test_a_page_that_a_person_wrote_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("by hand")
    generated(tmp_path).write()
    assert generated(tmp_path).stale() == []
    assert (tmp_path / "notes.md").read_text() == "by hand"


def test_the_committed_files_are_up_to_date() -> None:
    assert generate.main(["--check"]) == 0


def test_stale_files_fail_the_check_by_name(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.catalog()
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    shop.change("description: What it costs.", "description: Net price.").catalog()
    assert generate.main(["--check"]) == 1
    message = capsys.readouterr().err
    assert str(shop.models / "sources.yml") in message
    assert "silver.orders.md" in message
    assert "reference/errors.md" not in message
    assert message.endswith("run `make docs`\n")


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert markdown_table(["a"], [["x|y"]]) == ["| a |", "| --- |", "| x\\|y |"]
