"""The little of Airflow's API that the smoke needs, with what every Python has."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

from nightshift.install.compose.docker import PROJECT, port

# This machine's own loopback is never asked through a proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Airflow:
    """Airflow on this machine's loopback, as its admin."""

    def __init__(self) -> None:
        self._address = f"http://127.0.0.1:{port('NIGHTSHIFT_AIRFLOW_PORT')}"
        self._token = ""

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What it answers.

        Raises:
            OSError: if it does not, or refuses; with its words.
        """
        try:
            return self._asked(method, f"/api/v2/{path}", body, {"Authorization": f"Bearer {self._token}"})
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
        password = (PROJECT / "secrets" / "admin_password").read_text(encoding="utf-8").strip()
        given = {"username": "admin", "password": password}
        self._token = self._asked("POST", "/auth/token", given, {})["access_token"]
        return self._asked(method, f"/api/v2/{path}", body, {"Authorization": f"Bearer {self._token}"})

    def run(self, dag: str, run: str) -> dict[str, Any]:
        """A run; nothing in it where there is none, or Airflow does not answer."""
        return self._or_nothing(f"dags/{dag}/dagRuns/{urllib.parse.quote(run)}")

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        """The tasks of a run; none where Airflow does not answer."""
        found = self._or_nothing(f"dags/{dag}/dagRuns/{urllib.parse.quote(run)}/taskInstances")
        tasks: list[dict[str, Any]] = found.get("task_instances", [])
        return tasks

    def log(self, dag: str, run: str, task: str, attempt: int) -> str:
        """What a try of a task has logged so far."""
        path = f"dags/{dag}/dagRuns/{urllib.parse.quote(run)}/taskInstances/{task}/logs/{attempt}?full_content=true"
        lines = self._or_nothing(path).get("content", [])
        return "\n".join(str(line.get("event", "")) if isinstance(line, dict) else str(line) for line in lines)

    def _or_nothing(self, path: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.call("GET", path)
        except OSError:
            return {}
        return found

    def _asked(self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]) -> Any:
        asked = urllib.request.Request(
            self._address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
        )
        try:
            with _OPENER.open(asked, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 401:
                error.msg = f"{error.msg}: {error.read().decode(errors='replace')[:1000]}"
            raise


def until(condition: Callable[[], Any], seconds: float) -> bool:
    """Look again and again; whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True
