"""Generated files are written, checked and removed; what a person wrote is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.catalogue.generated_files import Generator, markdown_table

TEXT = "<!-- Written by `python -m tests.pages`; edits are lost. -->\n"


@pytest.fixture
def generator(tmp_path: Path) -> Generator:
    wanted = {tmp_path / "a" / "one.md": TEXT + "one", tmp_path / "two.md": TEXT + "two"}
    return Generator("tests.pages", "Pages.", files=lambda: wanted, places=lambda: tmp_path.rglob("*.md"))


def test_what_is_written_is_not_stale(generator: Generator, tmp_path: Path) -> None:
    assert generator.main(["--check"]) == 1
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0
    assert (tmp_path / "a" / "one.md").read_text() == TEXT + "one"


@pytest.mark.parametrize("damage", ["change", "remove", "leave over"])
def test_a_stale_file_fails_the_check_by_name(
    generator: Generator, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    generator.main([])
    page = tmp_path / ("gone.md" if damage == "leave over" else "two.md")
    if damage == "remove":
        page.unlink()
    else:
        page.write_text(TEXT + "edited")
    assert generator.main(["--check"]) == 1
    message = capsys.readouterr().err
    assert str(page) in message
    assert "a/one.md" not in message
    assert "run `.venv/bin/python -m tests.pages`" in message
    assert generator.main([]) == 0
    assert page.exists() == (damage != "leave over")
    assert generator.main(["--check"]) == 0


def test_a_page_that_a_person_wrote_is_left_alone(generator: Generator, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("by hand")
    generator.main([])
    assert generator.main(["--check"]) == 0
    assert (tmp_path / "notes.md").read_text() == "by hand"


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert markdown_table(["a"], [["x|y"]]) == ["| a |", "| --- |", "| x\\|y |"]
