"""Fixtures that every test may use: a home of its own, and one Spark session for all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before anything of nightshift is imported: no test ever touches a person's home.
_SESSION_HOME = tempfile.TemporaryDirectory(prefix="nightshift-tests-")
os.environ["NIGHTSHIFT_HOME"] = str(Path(_SESSION_HOME.name) / "home")

from nightshift import database, ledger  # noqa: E402
from nightshift.settings import Settings, get_settings  # noqa: E402


@pytest.fixture(scope="session")
def spark():
    """The Spark session of all tests; its tables are found by path, so homes may change under it."""
    from nightshift.session import session

    made = session("tests")
    yield made
    made.stop()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A new NIGHTSHIFT_HOME whose lake is empty; the database server is the one of the test session."""
    postgres = database_of_tests()
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTSHIFT_DATABASE_URL", postgres)
    get_settings.cache_clear()
    ledger.engine.cache_clear()
    yield get_settings()
    get_settings.cache_clear()
    ledger.engine.cache_clear()


def database_of_tests() -> str:
    """URL of the embedded server of the test session."""
    settings = Settings(home=Path(_SESSION_HOME.name) / "home")
    return database.ensure_server(settings).url("ledger", "psycopg2")


def pytest_sessionfinish() -> None:
    """Stop the database that the tests started."""
    database.stop(Settings(home=Path(_SESSION_HOME.name) / "home"))
