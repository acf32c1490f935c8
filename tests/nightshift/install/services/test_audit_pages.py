"""The page server shows pages and no listings, from a disk and from a store, and nothing beside them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nightshift.install.services import stored_pages
from nightshift.install.services.audit_pages import server
from nightshift.storage import Location
from tests.s3_server import S3Server

PAGE = "<!doctype html><title>ä</title>"


@pytest.fixture(params=["folder", "S3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Where pages lie; a secret lies beside them."""
    if request.param == "S3":
        store: S3Server = request.getfixturevalue("s3")
        home = Location.of(f"s3://{store.new_bucket()}")
    else:
        (tmp_path / "reports").mkdir()
        home = Location.of(tmp_path)
    (home / "secret.html").write(b"SECRET")
    (home / "reports-of-others" / "secret.html").write(b"SECRET")
    return home / "reports"


@pytest.fixture
def address(place: Location) -> Iterator[str]:
    serving = server(place, 0)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://{serving.server_address[0]}:{serving.server_address[1]}"
    serving.shutdown()
    serving.server_close()


def asked(address: str, path: str) -> httpx.Response:
    return httpx.get(f"{address}{path}", follow_redirects=True, trust_env=False)


def sent(address: str, line: str) -> bytes:
    """The answer to a request that no browser would send."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as link:
        link.sendall(f"{line} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        while chunk := link.recv(65536):
            answer += chunk
    return answer


def test_before_the_first_audit_it_says_so(address: str) -> None:
    assert address.startswith("http://127.0.0.1:")
    found = asked(address, "/")
    assert (found.status_code, "Nothing was audited yet" in found.text) == (200, True)


def test_a_folder_without_a_page_leads_to_the_first_page(address: str, place: Location) -> None:
    (place / "index.html").write(b"all use cases")
    (place / "flight_delays" / "index.html").write(b"one")
    (place / "flight_delays" / "2013-08-03" / "gold.scores" / "001-passed.html").write(PAGE.encode())
    for path, text in (
        ("/", "all use cases"),
        ("/flight_delays/", "one"),
        ("/flight_delays", "one"),
        ("/flight_delays/2013-08-03/", "all use cases"),
        ("/flight_delays/2013-08-03", "all use cases"),
        ("/flight_delays/2013-08-03/gold.scores/001-passed.html", PAGE),
        ("/flight_delays/2013-08-03/gold.scores/001-passed.html?x=1", PAGE),
        ("/flight%5Fdelays/index.html", "one"),
    ):
        assert asked(address, path).text == text, path
    for path in ("/missing.html", "/missing/", "/flight_delays/missing", "/flight_delays/index.html/"):
        assert asked(address, path).status_code == 404, path


def test_a_page_has_its_kind_and_size(address: str, place: Location) -> None:
    for name, kind in (("a b.html", "text/html"), ("index.json", "application/json"), ("plot.svg", "image/svg+xml")):
        (place / name).write(PAGE.encode())
        for method in ("GET", "HEAD"):
            found = httpx.request(method, f"{address}/{name}", trust_env=False)
            assert (found.status_code, found.headers["Content-Type"]) == (200, kind)
            assert int(found.headers["Content-Length"]) == len(PAGE.encode())
            assert found.content == (PAGE.encode() if method == "GET" else b"")


def test_a_large_page_comes_in_pieces(address: str, place: Location) -> None:
    content = bytes(range(256)) * (stored_pages.UNDIVIDED_BYTES // 256 + 4096)
    (place / "dbt.html").write(content)
    assert asked(address, "/dbt.html").content == content
    assert int(httpx.head(f"{address}/dbt.html", trust_env=False).headers["Content-Length"]) == len(content)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.html",
        "/./../secret.html",
        "/flight_delays/../../secret.html",
        "/%2e%2e/secret.html",
        "/..%2fsecret.html",
        "/%2e%2e%2fsecret.html",
        "/..%5csecret.html",
        "/..\\secret.html",
        "/%252e%252e/secret.html",
        "//../secret.html",
        "/flight_delays//../../secret.html",
        "/../reports-of-others/secret.html",
        "-of-others/secret.html",
        "/%00/../secret.html",
        "/secret.html%00.html",
        "/%ff/../secret.html",
        "secret.html",
        "../secret.html",
        "s3://bucket/secret.html",
    ],
)
def test_nothing_beside_the_pages_is_reached(address: str, place: Location, path: str) -> None:
    (place / "index.html").write(b"all use cases")
    (place / "flight_delays" / "index.html").write(b"one")
    answer = sent(address, f"GET {path}")
    assert b"SECRET" not in answer
    # Python's server of files ends the connection where a name holds a zero byte.
    assert not answer or answer.split()[1] in (b"404", b"400")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_it_only_reads(address: str, place: Location, method: str) -> None:
    (place / "index.html").write(PAGE.encode())
    assert httpx.request(method, f"{address}/index.html", trust_env=False).status_code == 501
    assert (place / "index.html").read() == PAGE.encode()


@pytest.mark.parametrize("place", ["S3"], indirect=True)
def test_no_redirect_leads_to_another_server(address: str, place: Location) -> None:
    (place / "example.org" / "x" / "001-passed.html").write(b"")
    found = httpx.get(f"{address}//example.org/x", trust_env=False)
    assert found.headers.get("Location", "") == "/example.org/x/"


def test_a_store_that_does_not_answer_is_told_without_its_address(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nightshift.storage.object_store.RETRIES", 0)
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    silent = Location.of("s3://a-bucket/reports?endpoint_override=127.0.0.1:1&scheme=http")
    serving = server(silent, 0)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    try:
        found = httpx.get(f"http://127.0.0.1:{serving.server_address[1]}/", trust_env=False, timeout=60)
    finally:
        serving.shutdown()
        serving.server_close()
    assert found.status_code == 502
    assert "does not answer" in found.text
    assert "a-bucket" not in found.text
    assert "s3://a-bucket/reports/index.html" in capfd.readouterr().err
