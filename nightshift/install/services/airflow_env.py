"""The whole configuration of Airflow, as environment variables, in one place."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightshift.errors import InstallationError, SettingsError
from nightshift.home.postgres_server import database_url
from nightshift.home.settings import Settings
from nightshift.home.variables.cleaning import cleaned, directly_reached
from nightshift.home.variables.known_variables import DIRECT
from nightshift.home.variables.read_variable import in_file
from nightshift.install.services.ports import LOOPBACK, Ports

ADMIN = "admin"
FERNET_KEY = "airflow_fernet_key"
_EVERY_ADDRESS = {"0.0.0.0": LOOPBACK, "::": "::1"}


@dataclass(frozen=True)
class AirflowAddress:
    """How a REST client reaches Airflow, and where people do."""

    base_url: str
    user: str
    password: str
    public: str | None = None

    @property
    def public_url(self) -> str:
        """Its address for a browser."""
        return self.public or self.base_url


def connection_info(settings: Settings) -> AirflowAddress:
    """Address and login of the Airflow of a home.

    Raises:
        NightshiftError: if the home never had services, or the login of another Airflow is not known here.
    """
    if settings.airflow_url:
        return AirflowAddress(
            settings.airflow_url,
            ADMIN,
            secret(settings, f"{ADMIN}_password"),
            settings.airflow_public_url,
        )
    ports = Ports.load(settings)
    if ports is None or not _secrets_file(settings).is_file():
        raise InstallationError(f"the services of {settings.home} were never started: run `nightshift up`")
    address = url(settings, ports.airflow)
    return AirflowAddress(address, ADMIN, load_secrets(settings)["admin_password"])


def secret(settings: Settings, name: str) -> str:
    """What stands in a file of the folder of secrets.

    Raises:
        SettingsError: if there is no such folder, nothing in the file, or it can't be read.
    """
    text = settings.secrets_dir and in_file(settings.secrets_dir / name)
    if not text:
        raise SettingsError(
            f"the secret {name} is missing in {settings.secrets_dir or 'NIGHTSHIFT_SECRETS_DIR, which is unset'}",
            remedy="`nightshift secrets init` makes it; a service has it when docker-compose.yaml gives it to that one",
        )
    return text


def url(settings: Settings, port: int) -> str:
    """Address of Airflow for a browser and for tasks on this machine."""
    host = _EVERY_ADDRESS.get(settings.bind_address, settings.bind_address)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def local_url(port: int) -> str:
    """Address of MLflow and of the audit pages."""
    return f"http://{LOOPBACK}:{port}"


def password_file(settings: Settings) -> Path:
    """Where the login lies, readable by the owner only."""
    return settings.run / "airflow_passwords.json"


def environment(settings: Settings, ports: Ports | None = None) -> dict[str, str]:
    """The environment of every Airflow component and task of this home, the caller's own included.

    Raises:
        NightshiftError: if no ports were ever chosen, or the database cannot be started.
    """
    ports = ports or Ports.load(settings)
    if ports is None:
        raise InstallationError(f"the services of {settings.home} were never started: run `nightshift up`")
    inherited = cleaned(os.environ)
    # Tasks ask the API server, wherever it listens, by itself.
    direct = dict.fromkeys(DIRECT, directly_reached(inherited, settings.bind_address))
    return inherited | direct | _airflow(settings, ports) | _project(settings)


def load_secrets(settings: Settings) -> dict[str, str]:
    """Keys and password of this home, made at random on the first call."""
    file = _secrets_file(settings)
    if not file.is_file():
        made = {
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "jwt_secret": secrets.token_hex(32),
            "secret_key": secrets.token_hex(32),
            "admin_password": secrets.token_urlsafe(12),
        }
        _write_private(file, json.dumps(made))
        _write_private(password_file(settings), json.dumps({ADMIN: made["admin_password"]}) + "\n")
    loaded: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def fernet_key(settings: Settings) -> str:
    """The key by which this installation's Airflow encrypts what it keeps; made where a home has none."""
    return secret(settings, FERNET_KEY) if settings.airflow_url else load_secrets(settings)["fernet_key"]


def administration(settings: Settings, old_key: str) -> dict[str, str]:
    """The environment of a command that works on Airflow's database alone.

    Args:
        old_key: one more, by which values there may be encrypted.
    """
    options = {
        "core.fernet_key": f"{fernet_key(settings)},{old_key}",
        "database.sql_alchemy_conn": database_url(settings, "airflow"),
        "database.sql_alchemy_conn_async": database_url(settings, "airflow", "asyncpg"),
    }
    return cleaned(os.environ) | as_variables(settings, options) | _project(settings)


def run_module(settings: Settings, environment: Mapping[str, str], *module: str, remedy: str = "") -> None:
    """Run a Python module to its end, as ``python -m airflow db migrate`` is.

    Raises:
        InstallationError: with the end of what it said, if it fails.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *module],
        env=environment,
        cwd=settings.project_dir,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise InstallationError(f"`{' '.join(module)}` failed:\n{tail}", remedy=remedy)


def _airflow(settings: Settings, ports: Ports) -> dict[str, str]:
    keys = load_secrets(settings)
    address = url(settings, ports.airflow)
    options = {
        "api.base_url": address,
        "api.host": settings.bind_address,
        "api.port": ports.airflow,
        "api.secret_key": keys["secret_key"],
        "api_auth.jwt_secret": keys["jwt_secret"],
        "core.auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "core.simple_auth_manager_users": f"{ADMIN}:admin",
        "core.simple_auth_manager_passwords_file": password_file(settings),
        "core.execution_api_server_url": f"{address}/execution/",
        "core.fernet_key": keys["fernet_key"],
        "database.sql_alchemy_conn": database_url(settings, "airflow"),
        "database.sql_alchemy_conn_async": database_url(settings, "airflow", "asyncpg"),
    }
    return as_variables(settings, options)


def as_variables(settings: Settings, options: Mapping[str, Any]) -> dict[str, str]:
    """Airflow's whole configuration, by the names of its variables.

    Args:
        settings: of the home.
        options: where this Airflow is and how it is opened; all else is the same everywhere.
    """
    everywhere = {
        "api.workers": 1,
        "core.dags_folder": settings.project_dir / "dags",
        # Nights and trainings begin when a person switches them on; what is on at once says so itself (dags/).
        "core.dags_are_paused_at_creation": True,
        "core.plugins_folder": settings.project_dir / "plugins",
        "core.executor": "LocalExecutor",
        "core.load_examples": False,
        # A Spark job uses every core: more tasks than this at once only take each other's memory.
        "core.parallelism": 4,
        "core.dagbag_import_timeout": 120,
        "dag_processor.dag_file_processor_timeout": 180,
        "dag_processor.min_file_process_interval": 60,
        "dag_processor.parsing_processes": 1,
        "dag_processor.refresh_interval": 15,
        "logging.base_log_folder": settings.logs / "airflow",
        "logging.dag_processor_child_process_log_directory": settings.logs / "airflow" / "dag_processor",
        "scheduler.catchup_by_default": False,
        "scheduler.create_cron_data_intervals": False,
        # After a crash, tasks that ran then are found within a minute or two, not after five.
        "scheduler.orphaned_tasks_check_interval": 60,
        "scheduler.task_instance_heartbeat_timeout": 120,
        # A machine that is busy with Spark answers late. A request that is given up after 5 s, as by default, may
        # have been carried out: the next try then finds the task running already, and fails it.
        "workers.execution_api_timeout": 60,
        # An API server that crashed is back within a minute or two.
        "workers.execution_api_retries": 10,
        "workers.execution_api_retry_wait_max": 20,
    }
    named = {
        f"AIRFLOW__{name.upper().replace('.', '__')}": str(value) for name, value in {**everywhere, **options}.items()
    }
    return {"AIRFLOW_HOME": str(settings.home / "airflow"), **named}


def _project(settings: Settings) -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    return {
        # Where a program runs must not decide what a relative path means.
        **settings.as_variables(),
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        # Else Airflow's process titles overwrite the environment by which a process is known as this home's.
        "SPT_NOENV": "1",
        # macOS ends forked children that touch its frameworks unless told not to.
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
    }


def _secrets_file(settings: Settings) -> Path:
    return settings.run / "secrets.json"


def _write_private(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    new.replace(file)
