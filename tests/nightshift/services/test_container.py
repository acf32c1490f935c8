"""What each service of docker-compose.yaml becomes, and what it refuses to start without."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from nightshift import database
from nightshift.errors import SettingsError, UsageError
from nightshift.services import airflow_env, container
from nightshift.services.ports import Ports
from nightshift.settings import PROJECT_DIR, Settings, get_settings
from nightshift.setup import secret_files

SETTINGS = yaml.safe_load((PROJECT_DIR / "docker-compose.yaml").read_text(encoding="utf-8"))["x-settings"]


@pytest.fixture
def composed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of docker-compose.yaml, and all secrets."""
    secret_files.make(tmp_path)
    for name, value in SETTINGS.items():
        if not name.startswith("NIGHTSHIFT_"):
            continue
        # Ports and sizes stand there with their defaults, which this test does not look at.
        monkeypatch.setenv(name, "spark.cores.max=1" if name.endswith("_CONF") else value.partition("${")[0] or "1g")
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTSHIFT_SECRETS_DIR", str(tmp_path / "secrets"))
    for name in ("airflow", "mlflow", "pages", "spark"):
        monkeypatch.setenv(f"NIGHTSHIFT_{name.upper()}_PUBLIC_URL", f"http://127.0.0.1:8{len(name)}")
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


def secrets_of(settings: Settings) -> dict[str, str]:
    assert settings.secrets_dir is not None
    return {file.name: file.read_text().strip() for file in settings.secrets_dir.iterdir()}


@pytest.mark.parametrize("service", [*container.AIRFLOW, *container.SERVICES])
def test_no_command_line_holds_a_secret(composed: Settings, service: str) -> None:
    command, _ = container.program(service)
    assert not [each for each in secrets_of(composed).values() if each in " ".join(command)]


def test_airflow_reads_its_secrets_itself_and_has_none_in_its_environment(composed: Settings) -> None:
    _, variables = container.program("scheduler")
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
    alike = {name for name in embedded if name.startswith("AIRFLOW__WORKERS") or "DAG_PROCESSOR__" in name}
    variables = container.airflow_variables(composed)
    assert len(alike) > 5
    assert {name: variables[name] for name in alike} == {name: embedded[name] for name in alike}


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
        container.program(service)


def test_spark_is_told_the_secret_where_no_list_of_processes_shows_it(composed: Settings) -> None:
    command, variables = container.program("spark-worker", ["--cores", "2"])
    assert command[-1] == "spark://spark-master:7077"
    assert variables["_SPARK_AUTH_SECRET"] == composed.spark_secret
    assert "-Dspark.authenticate=true" in variables["SPARK_DAEMON_JAVA_OPTS"]
    assert "-Dspark.master.rest.enabled=false" in variables["SPARK_DAEMON_JAVA_OPTS"]


def test_mlflow_heeds_only_the_hosts_by_which_it_is_meant_to_be_reached(composed: Settings) -> None:
    command, variables = container.program("mlflow")
    assert command[command.index("--allowed-hosts") + 1] == "mlflow:5000,127.0.0.1:86,localhost:5000"
    assert variables["MLFLOW_BACKEND_STORE_URI"].startswith("postgresql+psycopg2://mlflow:")


def test_databases_have_roles_of_their_own(composed: Settings) -> None:
    users = {name: database.database_url(name).partition("//")[2].partition(":")[0] for name in database.DATABASES}
    assert users == {"airflow": "airflow", "ledger": "nightshift", "mlflow": "mlflow", "optuna": "nightshift"}


def test_an_unknown_service_is_refused_with_those_there_are(composed: Settings, capsys) -> None:
    with pytest.raises(UsageError, match="there are: init, api-server, scheduler"):
        container.program("flower")
    assert container.main(["flower"]) == 65
    assert "there is no service 'flower'" in capsys.readouterr().err
