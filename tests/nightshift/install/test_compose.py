"""What docker-compose.yaml promises, held without Docker: doors closed, nothing secret in it, names that exist."""

from __future__ import annotations

import re
import tomllib

import pytest

from nightshift.home.settings import PROJECT_DIR
from nightshift.home.variables import known_variables, spark_conf
from nightshift.install.services import container
from nightshift.install.setup import secret_files
from tests.compose_file import DECLARED, SERVICES, default

# One asks by hand, one runs once: neither is up.
LASTING = sorted(SERVICES.keys() - {"cli", "init"})
OURS = sorted(SERVICES.keys() - {"postgres"})
# Of the Compose specification, what this file uses.
KEYS = {
    *("image", "user", "environment", "volumes", "tmpfs", "read_only", "cap_drop", "cap_add", "security_opt"),
    *("pids_limit", "restart", "logging", "secrets", "depends_on", "command", "hostname", "mem_limit", "ports"),
    *("healthcheck", "shm_size", "stop_grace_period", "profiles", "entrypoint", "scale"),
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_keys_that_compose_knows(name: str) -> None:
    assert SERVICES[name].keys() <= KEYS


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_reached_from_this_machine_alone(name: str) -> None:
    assert "network_mode" not in SERVICES[name]
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", default(port)), port


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))
    if name != "postgres":
        assert service["read_only"] is True
        # Compose itself says what to do where there is none.
        assert re.fullmatch(r"\$\{NIGHTSHIFT_UID:\?.*`make compose-up`.*\}:0", service["user"])
        assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_what_docker_inspect_shows_of_a_service_is_no_secret(name: str) -> None:
    given = SERVICES[name].get("environment", {})
    for variable, value in given.items():
        assert (
            not re.search(r"PASSWORD|SECRET|KEY|TOKEN", variable) or str(value).startswith("/run/secrets") or not value
        )
        assert "@" not in str(value)
    assert {*SERVICES[name].get("secrets", [])} <= DECLARED["secrets"].keys()


@pytest.mark.parametrize("name", OURS)
def test_each_setting_that_is_given_exists(name: str) -> None:
    for variable in SERVICES[name]["environment"]:
        assert known_variables.is_kept(variable), variable


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"postgres", "cli"}))
def test_each_command_exists(name: str) -> None:
    python, flag, module, service, *_ = SERVICES[name]["command"]
    assert (python, flag, module) == ("python", "-m", container.__name__)
    assert service == name
    assert service in {"init", *container.AIRFLOW, *container.SERVICES}


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_service_comes_back_says_how_it_is_and_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert default(service["mem_limit"])
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    health = service["healthcheck"]
    # Neither starts an interpreter nor a JVM each time.
    assert re.search(r"curl|pg_isready", " ".join(health["test"]))


def test_all_health_checks_together_cost_little() -> None:
    """A check costs about 50 ms of a core, measured with Docker 20.10: all of them under 2 %."""
    seconds = [int(SERVICES[name]["healthcheck"]["interval"].removesuffix("s")) for name in LASTING]
    assert sum(0.05 / each for each in seconds) < 0.02


def test_what_spark_is_told_is_what_it_may_be_told() -> None:
    told = spark_conf.pairs(default(DECLARED["x-settings"]["NIGHTSHIFT_SPARK_CONF"]).strip())
    assert told["spark.cores.max"] == "1", "else one job takes the cluster, and the next one waits for its end"


# Which secrets a service opens; each has these, and no other.
AIRFLOW = {"nightshift_airflow_database_url", "airflow_fernet_key", "airflow_jwt_secret", "airflow_secret_key"}
OPENED = {
    "postgres": {"postgres_password"},
    "init": secret_files.SECRETS.keys() - {"nightshift_spark_secret"},
    "api-server": {*AIRFLOW, "nightshift_database_url"},
    "dag-processor": {*AIRFLOW, "nightshift_database_url"},
    "triggerer": {*AIRFLOW, "nightshift_database_url"},
    "scheduler": {*AIRFLOW, "nightshift_database_url", "nightshift_spark_secret"},
    "mlflow": {"nightshift_mlflow_database_url"},
    "pages": set(),
    "spark-master": {"nightshift_spark_secret"},
    "spark-worker": {"nightshift_spark_secret"},
    "cli": {"nightshift_database_url", "nightshift_spark_secret", "admin_password"},
}


def test_each_service_has_the_secrets_that_it_opens_and_no_other() -> None:
    assert {name: {*service.get("secrets", [])} for name, service in SERVICES.items()} == OPENED


def test_only_what_waits_for_nothing_starts_at_once() -> None:
    at_once = {name for name, service in SERVICES.items() if "depends_on" not in service}
    assert at_once == {"postgres", "spark-master", "cli"}
    waits_for = SERVICES["scheduler"]["depends_on"]
    assert all("init" in SERVICES[name]["depends_on"] for name in {*LASTING} - {"postgres", "spark-master"})
    assert waits_for["api-server"] == {"condition": "service_healthy"}, "else its first tasks fail"


def test_the_image_is_the_projects_own_version() -> None:
    version = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert {default(SERVICES[name]["image"]) for name in OURS} == {f"nightshift:{version}"}
    assert re.fullmatch(r"postgres:\d+(\.\d+)?", default(SERVICES["postgres"]["image"]))


def test_ports_inside_are_those_at_which_services_listen() -> None:
    inside = {int(default(port).rpartition(":")[2]) for each in SERVICES.values() for port in each.get("ports", [])}
    assert inside == {container.INNER[name] for name in ("airflow", "mlflow", "pages", "spark_pages")}
