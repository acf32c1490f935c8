"""What each service of docker-compose.yaml becomes, and what it refuses to start without."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from nightshift.errors import SettingsError, UsageError
from nightshift.home import postgres_server
from nightshift.home.settings import Settings, get_settings
from nightshift.install.services import airflow_env, container
from nightshift.install.services.ports import Ports
from nightshift.install.setup import secret_files
from tests.compose_file import DECLARED, default


@pytest.fixture
def composed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of docker-compose.yaml, and all secrets."""
    secret_files.make(tmp_path)
    for name, value in DECLARED["x-settings"].items():
        if name.startswith("NIGHTSHIFT_"):
            monkeypatch.setenv(name, default(value))
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTSHIFT_SECRETS_DIR", str(tmp_path / "secrets"))
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


def secrets_of(settings: Settings) -> dict[str, str]:
    assert settings.secrets_dir is not None
    found = {file.name: file.read_text().strip() for file in settings.secrets_dir.iterdir()}
    # Of an address, what is secret is the password.
    return {name: text.rpartition("@")[0].rpartition(":")[2] or text for name, text in found.items()}


@pytest.mark.parametrize("service", [*container.AIRFLOW, *container.SERVICES])
def test_no_command_line_holds_a_secret(composed: Settings, service: str) -> None:
    command, _ = container.program(get_settings(), service)
    assert not [each for each in secrets_of(composed).values() if each in " ".join(command)]


def test_airflow_reads_its_secrets_itself_and_has_none_in_its_environment(composed: Settings) -> None:
    _, variables = container.program(get_settings(), "scheduler")
    assert not [each for each in secrets_of(composed).values() if each in " ".join(variables.values())]
    for option, file in (
        ("CORE__FERNET_KEY", "airflow_fernet_key"),
        ("DATABASE__SQL_ALCHEMY_CONN", "nightshift_airflow_database_url"),
    ):
        command = shlex.split(variables[f"AIRFLOW__{option}_CMD"])
        assert subprocess.check_output(command, text=True) == (composed.secrets_dir / file).read_text().strip()
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in variables
    assert variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://api-server:8080/execution/"


def test_each_form_of_airflow_differs_in_places_and_logins_alone(composed: Settings, home: Settings) -> None:
    embedded = airflow_env.environment(home, Ports(1, 2, 3))
    variables = container.airflow_variables(composed)
    named = {name for name in (*embedded, *variables) if name.startswith("AIRFLOW__")}
    differing = {name.removeprefix("AIRFLOW__") for name in named if embedded.get(name) != variables.get(name)}
    homes = {"LOGGING__BASE_LOG_FOLDER", "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY"}
    places = {"API__BASE_URL", "API__HOST", "API__PORT", "CORE__EXECUTION_API_SERVER_URL"}
    logins = {"CORE__AUTH_MANAGER", "CORE__SIMPLE_AUTH_MANAGER_USERS", "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"}
    secrets = {"API__SECRET_KEY", "API_AUTH__JWT_SECRET", "CORE__FERNET_KEY", "DATABASE__SQL_ALCHEMY_CONN"}
    secrets |= {f"{name}_CMD" for name in secrets}
    health = {"SCHEDULER__ENABLE_HEALTH_CHECK", "SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT"}
    others = {"DATABASE__SQL_ALCHEMY_CONN_ASYNC", "FAB__CONFIG_FILE"}
    assert differing - homes == places | logins | secrets | health | others


@pytest.mark.parametrize(
    ("service", "missing"),
    [
        ("scheduler", "airflow_jwt_secret"),
        ("api-server", "nightshift_airflow_database_url"),
        ("spark-worker", "nightshift_spark_secret"),
        ("spark-master", "nightshift_spark_secret"),
    ],
)
def test_without_its_secret_a_service_does_not_start_and_says_which(
    composed: Settings, service: str, missing: str
) -> None:
    assert composed.secrets_dir is not None
    (composed.secrets_dir / missing).unlink()
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match=f"the secret {missing} is missing"):
        container.program(get_settings(), service)


def test_spark_is_told_the_secret_where_no_list_of_processes_shows_it(composed: Settings) -> None:
    command, variables = container.program(get_settings(), "spark-worker", ["--cores", "2"])
    assert command[-1] == "spark://spark-master:7077"
    assert variables["_SPARK_AUTH_SECRET"] == composed.spark_secret
    assert "-Dspark.authenticate=true" in variables["SPARK_DAEMON_JAVA_OPTS"]
    assert "-Dspark.master.rest.enabled=false" in variables["SPARK_DAEMON_JAVA_OPTS"]


def test_mlflow_heeds_only_the_hosts_by_which_it_is_meant_to_be_reached(composed: Settings) -> None:
    command, variables = container.program(get_settings(), "mlflow")
    assert command[command.index("--allowed-hosts") + 1] == "mlflow:5000,127.0.0.1:5000,localhost:5000"
    assert variables["MLFLOW_BACKEND_STORE_URI"].startswith("postgresql+psycopg2://mlflow:")


def test_databases_have_roles_of_their_own(composed: Settings) -> None:
    users = {
        name: postgres_server.database_url(get_settings(), name).partition("//")[2].partition(":")[0]
        for name in postgres_server.DATABASES
    }
    assert users == {"airflow": "airflow", "ledger": "nightshift", "mlflow": "mlflow", "optuna": "nightshift"}


def test_an_unknown_service_is_refused_with_those_there_are(composed: Settings, capsys) -> None:
    with pytest.raises(UsageError, match="there are: init, api-server, scheduler"):
        container.program(get_settings(), "flower")
    assert container.main(["flower"]) == 65
    assert "there is no service 'flower'" in capsys.readouterr().err
