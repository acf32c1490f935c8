"""The reference pages are written from the DAGs, and the check fails when they are stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.reference.generated import mark
from nightshift_airflow import reference


def test_the_committed_pages_are_up_to_date() -> None:
    assert reference.main(["--check"]) == 0


@pytest.mark.parametrize("damage", ["change", "remove", "add"])
def test_a_stale_page_fails_the_check(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "REFERENCE", tmp_path)
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    page = tmp_path / "flight_delays_nightly.md"
    if damage == "change":
        page.write_text(page.read_text() + "\nedited")
    elif damage == "remove":
        page.unlink()
    else:
        page = tmp_path / "gone_nightly.md"
        page.write_text(f"<!-- {mark(reference.MODULE)} -->\nof a use case that is gone")
    assert reference.main(["--check"]) == 1
    assert page.name in capsys.readouterr().err
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
