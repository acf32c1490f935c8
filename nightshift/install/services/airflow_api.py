"""A small client of Airflow's REST API: what the demo, the tests and the start of the services need."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from nightshift.errors import DeclarationError, NightshiftError, ServerUnreachableError, UsageError
from nightshift.install.services.airflow_env import AirflowAddress

FINAL_STATES = frozenset({"success", "failed"})


class AirflowApi:
    """One logged-in client; use it as a context manager."""

    def __init__(self, connection: AirflowAddress, timeout_seconds: float = 30) -> None:
        """Connect to nothing yet."""
        self.connection = connection
        self._client = httpx.Client(base_url=self.connection.base_url, timeout=timeout_seconds, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, path: str, json: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """One call of ``/api/v2/<path>``; logs in when there is no valid token yet.

        Raises:
            NightshiftError: if Airflow does not answer or refuses, with what it says.
        """
        url = f"/api/v2/{path.lstrip('/')}"
        try:
            if "Authorization" not in self._client.headers:
                self._log_in()
            response = self._client.request(method, url, json=json, params=params)
            if response.status_code == httpx.codes.UNAUTHORIZED:
                self._log_in()
                response = self._client.request(method, url, json=json, params=params)
        except httpx.HTTPError as error:
            raise ServerUnreachableError(
                f"Airflow at {self.connection.base_url} does not answer ({error}): is it up? `nightshift up` starts it"
            ) from error
        if response.is_error:
            raise _refusal(method, url, response)
        return response.json() if response.content else None

    def _all(self, path: str, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        # Airflow gives a hundred at a time, whatever is asked for.
        while page := self.call("GET", path, params={"limit": 100, "offset": len(found)})[key]:
            found += page
            if len(page) < 100:
                break
        return found

    def _log_in(self) -> None:
        login = {"username": self.connection.user, "password": self.connection.password}
        response = self._client.post("/auth/token", json=login)
        if response.is_error:
            raise _refusal("POST", "/auth/token", response)
        self._client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def health(self) -> dict[str, str]:
        """State per component, like ``{"scheduler": "healthy"}``; empty while the server does not answer."""
        try:
            response = self._client.get("/api/v2/monitor/health", timeout=5)
            response.raise_for_status()
        except httpx.HTTPError:
            return {}
        return {name: str(part.get("status")) for name, part in response.json().items() if isinstance(part, dict)}

    def serves_tasks(self) -> bool:
        """Whether the server answers people and the part that tasks report to."""
        try:
            return bool(self.health()) and self._client.get("/execution/health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def files_read(self) -> set[str]:
        """Names of the DAG files that were read, with or without an error."""
        read = [dag["fileloc"] for dag in self._all("dags", "dags")]
        return {Path(str(file)).name for file in read + [error["filename"] for error in self.import_errors()]}

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        """Create a pool, or give it this many slots."""
        body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        try:
            self.call("POST", "pools", body)
        except AirflowRefused as refused:
            if refused.status != httpx.codes.CONFLICT:
                raise
            # Only the slots are changed: a team's own description stays.
            self.call("PATCH", f"pools/{name}", body, {"update_mask": ["slots"]})

    def pools(self) -> set[str]:
        """Names of the pools that there are, at most 100."""
        return {str(pool["name"]) for pool in self.call("GET", "pools", params={"limit": 100})["pools"]}

    def wait_for_dag(self, dag_id: str, seconds: float = 120) -> dict[str, Any]:
        """The DAG, once the DAG processor has found it.

        Raises:
            NightshiftError: if it does not appear in time, with the import errors there are.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                dag: dict[str, Any] = self.call("GET", f"dags/{dag_id}")
            except AirflowRefused as refused:
                if refused.status != httpx.codes.NOT_FOUND:
                    raise
            else:
                return dag
            if time.monotonic() > deadline:
                errors = [f"{e['filename']}: {e['stack_trace']}" for e in self.import_errors()]
                absent = f"there is no DAG {dag_id} after {seconds:.0f} s"
                if errors:
                    raise DeclarationError("\n".join([absent, *errors]), remedy="correct these files")
                raise ServerUnreachableError(absent, remedy="see that Airflow reads its files: `nightshift doctor`")
            time.sleep(1)

    def import_errors(self) -> list[dict[str, Any]]:
        """DAG files that could not be read."""
        return self._all("importErrors", "import_errors")

    def set_paused(self, dag_id: str, paused: bool) -> None:
        """Switch a DAG off or on."""
        self.call("PATCH", f"dags/{dag_id}", {"is_paused": paused})

    def trigger(
        self,
        dag_id: str,
        logical_date: dt.datetime | None = None,
        conf: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> str:
        """Start a run; the run id.

        Args:
            dag_id: the DAG.
            logical_date: with a time zone; None for a run without one.
            conf: params of the run.
            run_id: Airflow makes one from the date when it is None.
        """
        body: dict[str, Any] = {"logical_date": logical_date.isoformat() if logical_date else None}
        body |= {"conf": dict(conf)} if conf else {}
        body |= {"dag_run_id": run_id} if run_id else {}
        return str(self.call("POST", f"dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def runs(self, dag_id: str, **filters: Any) -> list[dict[str, Any]]:
        """Runs of a DAG, newest first, at most 100."""
        params = {"limit": 100, "order_by": "-run_after", **filters}
        runs: list[dict[str, Any]] = self.call("GET", f"dags/{dag_id}/dagRuns", params=params)["dag_runs"]
        return runs

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """One run."""
        run: dict[str, Any] = self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}")
        return run

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The tasks of a run with their states."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        tasks: list[dict[str, Any]] = self.call("GET", path)["task_instances"]
        return tasks

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """The log of one try as text, one event a line."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.call("GET", path, params={"full_content": "true"})["content"]
        return "\n".join(line.get("event", "") if isinstance(line, dict) else str(line) for line in content)


def _refusal(method: str, url: str, response: httpx.Response) -> NightshiftError:
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        return ServerUnreachableError(
            f"Airflow can't answer {method} {url} now: {status} {response.text[:1000]}",
            remedy="see that it runs (`nightshift doctor`), then run this again",
        )
    return AirflowRefused(method, url, status, response.text)


class AirflowRefused(UsageError):
    """Airflow does not do what it was asked for."""

    def __init__(self, method: str, url: str, status: int, text: str) -> None:
        """Keep the status, which callers tell conflicts and absences by."""
        super().__init__(f"Airflow refused {method} {url} with {status}: {text[:1000]}")
        self.status = status
