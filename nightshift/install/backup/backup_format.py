"""What a backup holds, as a tar file: a head, dumps of databases, the home's folders, an end that says it is whole."""

from __future__ import annotations

import time
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from nightshift.errors import UsageError
from nightshift.home.settings import Settings
from nightshift.install.backup import database_dumps
from nightshift.install.services import service_state
from nightshift.install.services.airflow_env import FERNET_KEY

HEAD, LAST_ENTRY, KEY = "nightshift-backup.json", "end", FERNET_KEY
DUMPS, HOME = "databases", "home"
# Of a later one nothing is read: it may hold what this code does not know.
FORM = 1
# A connection that was closed is there for a moment still.
ENDING_SECONDS = 10
# Of a home, what can't be made again; the mark, sockets and what is staged stay behind.
FOLDERS = ("lake", "landing", "archive", "data_docs", "mlflow", "secrets", "logs")
# Those of them in which no file is before the first delivery.
FILLED = ("lake", "landing", "archive", "mlflow", "secrets")


class Head(BaseModel):
    """The first thing in a backup.

    Attributes:
        code: version of the code that made it.
        made_at: instant, ISO 8601.
        artifacts: what addresses in MLflow's database begin with.
        databases: names of those that it holds.
    """

    model_config = ConfigDict(frozen=True)

    form: int = FORM
    code: str
    made_at: str
    artifacts: tuple[str, ...]
    databases: tuple[str, ...]


def refuse_running(settings: Settings, names: Iterable[str], what: str) -> None:
    """Refuse while something may write: files and databases must be of one moment.

    Args:
        names: databases to which nothing else may be connected: services, jobs and commands all are.

    Raises:
        UsageError: naming what runs, and how to end it.
    """
    remedy = (
        "`nightshift down`; of servers, `make compose-down`; and wait for the end of jobs that were started by hand"
    )
    if settings.airflow_url is None and (found := service_state.look(settings)).state not in ("never", "stopped"):
        running = ", ".join(["services", *found.tasks])
        raise UsageError(f"{running} of {settings.home} run, and nothing may run during a {what}", remedy=remedy)
    deadline = time.monotonic() + ENDING_SECONDS
    while (connected := list(database_dumps.others(settings, names))) and time.monotonic() < deadline:
        time.sleep(0.2)
    if connected:
        raise UsageError(f"{', '.join(connected)}: something runs, and nothing may during a {what}", remedy=remedy)
