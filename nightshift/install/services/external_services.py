"""Services that something else than this home's supervisor runs, as docker-compose.yaml does."""

from __future__ import annotations

import time
from pathlib import Path

from nightshift.errors import ServerUnreachableError, UsageError
from nightshift.home.settings import Settings
from nightshift.install.services.airflow_api import AirflowApi
from nightshift.install.services.airflow_env import connection_info
from nightshift.install.services.ready import READY_SECONDS, Addresses, is_healthy, wait_for_dags
from nightshift.terminal import Say


def served(say: Say, settings: Settings) -> Addresses:
    """Addresses of services that something else runs, as docker-compose.yaml; returns once Airflow is healthy.

    Raises:
        NightshiftError: if it does not come up, or no login is known here.
    """
    connection = connection_info(settings)
    say(f"waiting until Airflow at {connection.public_url} is healthy")
    with AirflowApi(connection) as api:
        deadline = time.monotonic() + READY_SECONDS
        while not is_healthy(api):
            if time.monotonic() > deadline:
                raise ServerUnreachableError(
                    f"waited {READY_SECONDS} s until Airflow at {connection.base_url} is healthy: {api.health()}",
                    remedy="see the log of each component: `docker compose logs`",
                )
            time.sleep(1)
        wait_for_dags(api, settings, say)
    return Addresses(
        airflow=connection.public_url,
        mlflow=settings.mlflow_public_url or settings.mlflow_tracking_uri or "",
        data_docs=settings.pages_public_url or "",
        user=connection.user,
        password="in the file secrets/admin_password",
        password_file=Path("secrets", "admin_password"),
    )


def refuse(settings: Settings) -> None:
    """Refuse to start or end services that something else runs.

    Raises:
        UsageError: naming what does.
    """
    if settings.airflow_url:
        raise UsageError(
            f"NIGHTSHIFT_AIRFLOW_URL is {settings.airflow_url}: the services of this installation are not embedded",
            remedy="start and end them where they run, as with `docker compose`; or unset it",
        )
