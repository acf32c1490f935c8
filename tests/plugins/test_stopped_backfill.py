"""Only a stop that succeeded leaves notes, and the request passes through as it is (the notes: tests/dags)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nightshift_airflow import stopped_backfill
from nightshift_airflow.plugin import NightshiftPlugin
from nightshift_airflow.stopped_backfill import NotesOfStopped


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("PUT", "/api/v2/backfills/12/cancel", 200, [12]),
        ("PUT", "/airflow/api/v2/backfills/3/cancel", 200, [3]),
        ("PUT", "/api/v2/backfills/12/cancel", 409, []),
        ("PUT", "/api/v2/backfills/12/pause", 200, []),
        ("GET", "/api/v2/backfills/12/cancel", 200, []),
    ],
)
def test_a_stop_that_succeeded_is_noted(
    method: str, path: str, status: int, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[int] = []
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(stopped_backfill, "write_notes", noted.append)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body", "body": b"{}"})

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(NotesOfStopped(app)({"type": "http", "method": method, "path": path}, None, send))  # type: ignore[arg-type]
    assert noted == expected
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert NotesOfStopped in [each["middleware"] for each in NightshiftPlugin.fastapi_root_middlewares]
