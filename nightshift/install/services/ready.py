"""Until Airflow would run a task: healthy components, DAGs that were found; and where people then find the services."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import Settings
from nightshift.install.services.airflow_api import AirflowApi
from nightshift.terminal import Say

# Seconds on an idle machine; minutes where other work has the cores.
READY_SECONDS = 300
# The DAG file that raises what is wrong with use cases, and makes no DAG.
BROKEN_USE_CASES = "broken_use_cases.py"
_COMPONENTS = ("scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True)
class Addresses:
    """Where a person finds the services of a home."""

    airflow: str
    mlflow: str
    data_docs: str
    user: str
    password: str
    password_file: Path


def is_healthy(api: AirflowApi) -> bool:
    """Whether every component of Airflow's says that it is well."""
    health = api.health()
    return all(health.get(name) == "healthy" for name in _COMPONENTS)


def wait_for_dags(api: AirflowApi, settings: Settings, say: Say) -> None:
    """Until the DAG processor has come to every file, as no task runs of a DAG that is not there.

    Files from which nothing comes are not waited for, as Airflow does not say that it has read them.
    """
    use_cases = find_use_cases(settings)
    for sentence in use_cases.sentences:
        say(sentence)
    texts = {file: file.read_bytes().lower() for file in (settings.project_dir / "dags").glob("*.py")}
    # By these words Airflow, too, decides which files it reads.
    files = {file.name for file, text in texts.items() if b"dag" in text and b"airflow" in text}
    if not use_cases.broken:
        files.discard(BROKEN_USE_CASES)
    if not use_cases.catalogs:
        files &= {BROKEN_USE_CASES}
    deadline = time.monotonic() + READY_SECONDS
    while unread := files - api.files_read():
        if time.monotonic() > deadline:
            say(f"Airflow has found no DAG in {', '.join(sorted(unread))} yet")
            break
        time.sleep(0.5)
    for error in api.import_errors():
        if Path(str(error["filename"])).name != BROKEN_USE_CASES:
            say(f"Airflow cannot read {error['filename']}: it shows why under Dag Import Errors")
