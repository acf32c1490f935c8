"""The page server shows pages and no listings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nightshift.install.services.audit_pages import server


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    serving = server(tmp_path, 0)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://{serving.server_address[0]}:{serving.server_address[1]}"
    serving.shutdown()
    serving.server_close()


def test_before_the_first_audit_it_says_so(address: str) -> None:
    assert address.startswith("http://127.0.0.1:")
    found = httpx.get(f"{address}/", trust_env=False)
    assert (found.status_code, "Nothing was audited yet" in found.text) == (200, True)


def test_a_folder_without_a_page_leads_to_the_first_page(address: str, tmp_path: Path) -> None:
    (tmp_path / "flight_delays" / "2013-08-03").mkdir(parents=True)
    (tmp_path / "index.html").write_text("all use cases")
    (tmp_path / "flight_delays" / "index.html").write_text("one")
    for path, text in (
        ("/", "all use cases"),
        ("/flight_delays/", "one"),
        ("/flight_delays/2013-08-03/", "all use cases"),
    ):
        assert httpx.get(f"{address}{path}", follow_redirects=True, trust_env=False).text == text
    assert httpx.get(f"{address}/missing.html", trust_env=False).status_code == 404
