"""What is kept of an environment: a pure function, and the same one for every entry point."""

from __future__ import annotations

import pytest

from nightshift.home.variables import known_variables
from nightshift.home.variables.cleaning import cleaned, directly_reached
from tests.hostile import HOSTILE

FIXED = {each.name: each.value for each in known_variables.FIXED}
ALWAYS = FIXED | dict.fromkeys(known_variables.DIRECT, "localhost,127.0.0.1,::1")
OUTSIDE = {"HTTP_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "JAVA_HOME": HOSTILE["JAVA_HOME"]}


def test_nothing_foreign_is_kept() -> None:
    assert cleaned(HOSTILE) == ALWAYS | OUTSIDE
    assert len(HOSTILE) >= 60


def test_cleaning_what_is_clean_changes_nothing() -> None:
    assert cleaned(cleaned(HOSTILE)) == cleaned(HOSTILE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NIGHTSHIFT_HOME", "/there"),
        ("NIGHTSHIFT_JDBC_CRM_PASSWORD", "of the database crm"),
        ("AWS_ACCESS_KEY_ID", "of an object store"),
        ("AZURE_CLIENT_ID", "of another one"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "of a third one"),
        ("SSL_CERT_FILE", "/etc/ssl/company.pem"),
        ("HTTP_PROXY", "proxy.company:3128"),
        ("https_proxy", "http://user:secret@proxy.company:3128"),
        ("SPARK_LOCAL_DIRS", "/fast/disk"),
        ("OPENBLAS_CORETYPE", "NEOVERSEN1"),
        ("PATH", "/usr/bin"),
        ("TMPDIR", "/scratch"),
        ("NO_COLOR", "1"),
    ],
)
def test_what_means_something_is_kept(name: str, value: str) -> None:
    assert cleaned({name: value}) == ALWAYS | {name: value}
    assert cleaned({name: ""}) == cleaned({name: " \t"}) == ALWAYS, "empty counts as unset"


@pytest.mark.parametrize(
    "name",
    [
        "AWS_S3_ALLOW_UNSAFE_RENAME",  # a commit of two writers would lose one
        "OPENBLAS_NUM_THREADS",
        "SPARK_CONF_DIR",
        "_JAVA_OPTIONS",
        "__AIRFLOW_SUPERVISOR_FDS",
        "LC_COLLATE",
        "WHAT_NOBODY_KNOWS",
        known_variables.LEFT_OUT,
    ],
)
def test_what_looks_like_it_is_not(name: str) -> None:
    assert cleaned({name: "1"}) == ALWAYS


def test_an_empty_key_for_personal_data_is_left_to_be_refused() -> None:
    assert cleaned({known_variables.PII_KEY: ""}) == ALWAYS | {known_variables.PII_KEY: ""}


def test_a_login_at_mlflow_is_for_a_server_that_was_named() -> None:
    login = {"MLFLOW_TRACKING_TOKEN": "secret"}
    named = {"NIGHTSHIFT_MLFLOW_TRACKING_URI": "https://mlflow.company"}
    assert cleaned(login | named) == ALWAYS | login | named
    loud = {"NIGHTSHIFT_MLFLOW_TRACKING_URI": " HTTPS://m:5000"}
    assert cleaned(login | loud) == ALWAYS | login | loud
    assert cleaned(login) == ALWAYS


@pytest.mark.parametrize("value", ["socks5://proxy:1080", "http://[::1", "http://:3128", "http://proxy:port"])
def test_a_proxy_that_would_end_any_request_is_dropped(value: str) -> None:
    assert cleaned({"HTTP_PROXY": value}) == ALWAYS


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "company, localhost"}, "company,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "a", "no_proxy": "b"}, "a,b,localhost,127.0.0.1,::1"),
        # Beside others, libraries take it for the name of a host.
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_loopback_is_always_reached_directly(given: dict[str, str], expected: str) -> None:
    assert directly_reached(given) == expected
    assert {cleaned(given)[name] for name in known_variables.DIRECT} == {expected}
