"""The reference pages are written from the DAGs, and the check fails when they are stale."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nightshift.catalogue.generated_files import MARK
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift_airflow import dag_pages


@pytest.mark.parametrize("damage", ["change", "remove", "add"])
def test_a_stale_page_fails_the_check(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PROJECT_DIR / "use_cases", tmp_path / "use_cases")
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path / "use_cases"))
    get_settings.cache_clear()
    dag_pages.generated(get_settings()).write()
    assert dag_pages.generated(get_settings()).stale() == []
    page = tmp_path / "use_cases" / "flight_delays" / "pages" / "dags" / "flight_delays_nightly.md"
    if damage == "change":
        page.write_text(page.read_text() + "\nedited")
    elif damage == "remove":
        page.unlink()
    else:
        page = page.with_name("gone_nightly.md")
        page.write_text(f"<!-- {MARK} -->\nof a use case that is gone")
    assert dag_pages.generated(get_settings()).stale() == [page]
    dag_pages.generated(get_settings()).write()
    assert dag_pages.generated(get_settings()).stale() == []
