"""What a backup holds, as a tar file: a head, dumps of databases, the home's folders, an end that says it is whole."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nightshift.errors import UsageError
from nightshift.services import state
from nightshift.settings import Settings

HEAD, END, KEY = "nightshift-backup.json", "end", "airflow_fernet_key"
DATABASES, HOME = "databases", "home"
# Of a later one nothing is read: it may hold what this code does not know.
FORM = 1
# Of a home, what can't be made again; the mark, locks, sockets and what is staged stay behind.
FOLDERS = ("lake", "landing", "archive", "data_docs", "mlflow", "secrets", "logs")
# Those of them that are empty before the first delivery.
FILLED = ("lake", "landing", "archive")


class Head(BaseModel):
    """The first thing in a backup.

    Attributes:
        code: version of the code that made it.
        made_at: instant, ISO 8601.
        artifacts: what MLflow's database begins its addresses with.
        databases: names of those that it holds.
    """

    model_config = ConfigDict(frozen=True)

    form: int = FORM
    code: str
    made_at: str
    artifacts: str
    databases: tuple[str, ...]


def refuse_running(settings: Settings, what: str) -> None:
    """Refuse while something may write: files and databases must be of one moment.

    Raises:
        UsageError: naming what runs, and how to end it.
    """
    if settings.airflow_url:
        if _answers(f"{settings.airflow_url}/api/v2/version"):
            raise UsageError(
                f"Airflow at {settings.airflow_url} runs, and nothing may run during a {what}",
                remedy="end the services where they run, as with `make compose-down`",
            )
        return
    found = state.look(settings)
    if found.state not in ("never", "stopped"):
        raise UsageError(
            f"services of {settings.home} run, and nothing may run during a {what}", remedy="nightshift down"
        )
    if found.tasks:
        raise UsageError(f"{', '.join(found.tasks)} runs here", remedy="wait for its end")


def files_below(folder: Path) -> bool:
    """Whether a folder holds a file, at any depth."""
    return any(each.is_file() for each in folder.rglob("*")) if folder.is_dir() else False


def _answers(address: str) -> bool:
    import httpx

    try:
        httpx.get(address, timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return True
