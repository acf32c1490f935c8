"""Leaves a note on the runs that the stop button of a backfill ends before they began.

Airflow sets them to failed in one statement, without a call of any listener: a night that had succeeded before, and was
queued to run again, would turn red with empty tasks and no word of why.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from nightshift_airflow import run_notes

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


_STOP = re.compile(r"/backfills/([0-9]+)/cancel/?$")


class NotesOfStopped:
    """Middleware that lets the request through, and writes the notes once it succeeded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        asked = _STOP.search(scope.get("path", "")) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        statuses: list[int] = []

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            await send(message)

        await self._app(scope, receive, seen)
        if statuses == [200]:
            await asyncio.to_thread(write_notes, int(asked[1]))


def write_notes(backfill: int) -> None:
    """Say on each run of a stopped backfill that had not begun what became of it."""
    from airflow.models.backfill import BackfillDagRun
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from sqlalchemy import select

    with create_session() as session:
        runs = select(DagRun).where(
            DagRun.id.in_(select(BackfillDagRun.dag_run_id).where(BackfillDagRun.backfill_id == backfill)),
            DagRun.state == DagRunState.FAILED,
            # One that failed by itself has an end.
            DagRun.end_date.is_(None),
        )
        for dag_run in session.scalars(runs):
            run_notes.write(dag_run, run_notes.stopped(dag_run))
