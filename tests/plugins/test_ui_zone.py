"""The UI starts in the use cases' time zone; nothing else that the server sends is touched."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift_airflow import ui_zone
from nightshift_airflow.ui_zone import DefaultZone

PAGE = "<html><head><title>Airflow</title></head><body>" + "x" * 2000 + "</body></html>"
SCRIPT = """<script>localStorage.timezone ??= "\\"America/New_York\\""</script></head>"""
BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-encoding": "gzip"}


@pytest.fixture
def client() -> TestClient:
    app = Starlette(
        routes=[
            Route("/", lambda _: HTMLResponse(PAGE)),
            Route("/streamed", lambda _: StreamingResponse(iter([PAGE[:20], PAGE[20:]]), media_type="text/html")),
            Route("/api", lambda _: JSONResponse({"html": PAGE})),
        ]
    )
    app.add_middleware(GZipMiddleware)
    app.add_middleware(DefaultZone, zone="America/New_York")
    return TestClient(app)


@pytest.mark.parametrize("path", ["/", "/streamed"])
def test_a_page_sets_the_zone_that_nobody_chose(client: TestClient, path: str) -> None:
    answer = client.get(path, headers=BROWSER)
    assert answer.text == PAGE.replace("</head>", SCRIPT)
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_data_are_not_touched(client: TestClient) -> None:
    assert client.get("/api", headers=BROWSER).json() == {"html": PAGE}
    compressed = client.get("/api", headers={"accept": "application/json", "accept-encoding": "gzip"})
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.json() == {"html": PAGE}


def test_a_name_cannot_end_the_script() -> None:
    assert b"</script><" not in DefaultZone(None, "</script><b>")._script.removesuffix(b"</script></head>")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zones", "expected"),
    [(["Asia/Tokyo", "Asia/Tokyo"], "Asia/Tokyo"), (["Asia/Tokyo", "UTC"], None), ([], None)],
)
def test_use_cases_in_several_zones_leave_the_ui_as_it_is(
    zones: list[str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_case = UseCase.load("flight_delays", get_settings())
    loaded = [use_case.model_copy(update={"timezone": zone}) for zone in zones]
    monkeypatch.setattr(ui_zone, "find_use_cases", lambda _: SimpleNamespace(use_cases=loaded))
    assert ui_zone.common_zone() == expected
