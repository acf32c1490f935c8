"""Airflow's configuration in a container, and the ports of all services inside the composition's network."""

from __future__ import annotations

import os

from nightshift.errors import SettingsError
from nightshift.home.settings import Settings
from nightshift.install.services.airflow_env import FERNET_KEY, as_variables, secret

EVERYWHERE = "0.0.0.0"
# Inside the composition's network; docker-compose.yaml says where the machine's own users reach them.
INNER = {"airflow": 8080, "scheduler": 8974, "mlflow": 5000, "pages": 8090, "spark": 7077, "spark_pages": 8081}
# Of one file of secrets each, read by Airflow itself whenever it needs one: none stands in its environment.
_AIRFLOW_SECRETS = {
    "api.secret_key": "airflow_secret_key",
    "api_auth.jwt_secret": "airflow_jwt_secret",
    "core.fernet_key": FERNET_KEY,
    "database.sql_alchemy_conn": "nightshift_airflow_database_url",
}


def airflow_variables(settings: Settings) -> dict[str, str]:
    """Airflow's configuration in a container.

    Raises:
        SettingsError: if an address or a secret is missing.
    """
    if settings.airflow_url is None:
        raise SettingsError("NIGHTSHIFT_AIRFLOW_URL is unset: tasks ask the API there")
    folder = settings.secrets_dir
    # Without the line's end that a file may have, which Airflow would take for a part of it.
    read = {
        f"{name}_cmd": f"sh -c 'printf %s \"$(cat {folder}/{file})\"'"
        for name, file in _AIRFLOW_SECRETS.items()
        if secret(settings, file)
    }
    options = {
        "api.base_url": settings.airflow_public_url or settings.airflow_url,
        "api.host": EVERYWHERE,
        "api.port": INNER["airflow"],
        "core.auth_manager": "nightshift_airflow.auth.NightshiftAuthManager",
        "core.execution_api_server_url": f"{settings.airflow_url}/execution/",
        # FAB runs what stands there, which could open a door; by default a file that each task may write.
        "fab.config_file": os.devnull,
        "scheduler.enable_health_check": True,
        "scheduler.scheduler_health_check_server_port": INNER["scheduler"],
    }
    return {**as_variables(settings, read | options), "SPT_NOENV": "1"}
