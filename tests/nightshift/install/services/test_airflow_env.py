"""The embedded Airflow's configuration: its own, private, and on this machine only."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import yaml

from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.home.variables.known_variables import SERVICE_MARK, dropped
from nightshift.install.services import airflow_env, audit_pages
from nightshift.install.services.ports import Ports
from nightshift.install.services.supervisor import programs

PORTS = Ports(airflow=18080, mlflow=15000, data_docs=18090)


def test_a_home_without_services_says_how_to_start_them(home):
    with pytest.raises(NightshiftError, match="run `nightshift up`"):
        airflow_env.connection_info(get_settings())


def test_another_airflows_variables_do_not_reach_this_one(home, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONFIG", "/elsewhere/airflow.cfg")
    found = airflow_env.environment(home, PORTS)
    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW_CONFIG" not in found
    assert found["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18080"
    assert found["NIGHTSHIFT_HOME"] == str(home.home)
    assert SERVICE_MARK not in found, "what a person starts with it is not ended by `down`"


def test_no_service_has_to_start_twice_to_be_clean(home):
    early = [name for name in airflow_env.environment(home, PORTS) if (of := dropped(name)) and of.is_early]
    assert early == []
    assert {program.command[1:4] for program in programs(home, PORTS)} == {("-u", "-W", "ignore")}


def test_no_night_begins_before_a_person_switches_it_on(home, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", "False")
    assert airflow_env.environment(home, PORTS)["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "True"


def test_secrets_are_random_per_home_kept_and_private(home, tmp_path):
    first = airflow_env.load_secrets(home)
    assert airflow_env.load_secrets(home) == first
    other = airflow_env.load_secrets(get_settings().model_copy(update={"home": tmp_path / "other"}))
    assert not set(first.values()) & set(other.values())
    for file in home.run.glob("*.json"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(airflow_env.password_file(home).read_text()) == {"admin": first["admin_password"]}


def test_every_service_listens_on_this_machine_only(home):
    assert airflow_env.environment(home, PORTS)["AIRFLOW__API__HOST"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("address", "reached"),
    [("0.0.0.0", "http://127.0.0.1:1"), ("::", "http://[::1]:1"), ("10.1.2.3", "http://10.1.2.3:1")],
)
def test_airflow_alone_follows_the_bind_address_as_the_others_have_no_login(home, address, reached):
    asked = home.model_copy(update={"bind_address": address})
    environment = airflow_env.environment(asked, PORTS)
    assert environment["AIRFLOW__API__HOST"] == address
    assert airflow_env.url(asked, 1) == reached
    assert address in environment["NO_PROXY"].split(",")
    commands = {program.name: program.command for program in programs(asked, PORTS)}
    assert commands["mlflow"][commands["mlflow"].index("--host") + 1] == "127.0.0.1"
    with audit_pages.server(asked.data_docs, 0) as server:
        assert server.server_address[0] == "127.0.0.1"
    assert not any(address in command for command in commands.values())


def test_airflow_knows_each_option_that_is_set(home):
    airflow = Path(importlib.util.find_spec("airflow").origin).parent
    known = yaml.safe_load((airflow / "config_templates" / "config.yml").read_text(encoding="utf-8"))
    names = {f"AIRFLOW__{section}__{option}".upper() for section in known for option in known[section]["options"]}
    given = {name for name in airflow_env.environment(home, PORTS) if name.startswith("AIRFLOW__")}
    assert given <= names
    assert "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT" in given, "5 s by default, which a busy machine exceeds"
