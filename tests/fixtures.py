"""What every test may use, a home of its own and one Spark session for all, and how tests are shared among workers."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from xdist.scheduler import LoadFileScheduling

import __main__
from nightshift.home.variables import known_variables

# Before anything of nightshift is imported: no test ever touches a person's home.
_SESSION_HOME = tempfile.TemporaryDirectory(prefix="nightshift-tests-")
os.environ["NIGHTSHIFT_HOME"] = str(Path(_SESSION_HOME.name) / "home")
# As every entry point does, here for jobs that tests call.
os.environ.update({each.name: each.value for each in known_variables.FIXED})

if not hasattr(__main__, "__file__"):
    # A worker's main module is a line of code. PySpark takes a process without a main file for a run of its doctests,
    # and ends it; Great Expectations imports that part of PySpark.
    __main__.__file__ = str(Path(pytest.__file__).with_name("__main__.py"))

from nightshift import ledger  # noqa: E402
from nightshift.home import postgres_server  # noqa: E402
from nightshift.home.settings import Settings, get_settings  # noqa: E402
from nightshift.ledger.ledger_tables import Base  # noqa: E402

# A worker's Spark driver, PostgreSQL and Python, with the services of the end-to-end tests beside them.
GIGABYTES_PER_WORKER = 4
# Folders whose tests share what is dear: a running installation, landed lakes.
TOGETHER = ("tests/end_to_end", "tests/dbt")
# What takes longest begins first, so that no worker is left alone with it at the end.
LONGEST_FIRST = (
    lambda item: item.get_closest_marker("e2e"),
    lambda item: item.get_closest_marker("long"),
    lambda item: "spark" in item.fixturenames,
    lambda item: "home" in item.fixturenames,
)


class ByPlace(LoadFileScheduling):
    """A file of tests runs on one worker, and so does a folder whose tests share what is dear."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPlace:
    """Hand out tests in the order of `pytest_collection_modifyitems`."""
    config.option.loadscopereorder = False
    return ByPlace(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For ``-n auto``: as many workers as there are cores, and memory for them."""
    return max(1, min(os.cpu_count() or 1, psutil.virtual_memory().total // (GIGABYTES_PER_WORKER * 2**30)))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Among workers, longest groups first; without them, as they stand.

    Services come before what is long, that before Spark, and that before what needs neither.
    """
    if hasattr(config, "workerinput"):
        places: dict[str, int] = {}
        for item in items:
            group = group_of(item.nodeid)
            places[group] = min(places.get(group, len(LONGEST_FIRST)), _place(item))
        items.sort(key=lambda item: places[group_of(item.nodeid)])


def group_of(nodeid: str) -> str:
    """The folder or file whose tests run on one worker."""
    return next((folder for folder in TOGETHER if nodeid.startswith(f"{folder}/")), nodeid.partition("::")[0])


def _place(item: pytest.Item) -> int:
    return next((number for number, takes_long in enumerate(LONGEST_FIRST) if takes_long(item)), len(LONGEST_FIRST))


@pytest.fixture(scope="session")
def spark():
    """The Spark session of all tests; its tables are found by path, so homes may change under it."""
    from nightshift.spark_session import session

    made = session("tests", get_settings())
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def settings_of_this_test_alone() -> Iterator[None]:
    """What a test read under an environment of its own must not reach fixtures of the next file."""
    yield
    get_settings.cache_clear()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A new NIGHTSHIFT_HOME whose lake and ledger are empty; the database server is the one of the test session."""
    postgres = database_of_tests()
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTSHIFT_DATABASE_URL", postgres)
    get_settings.cache_clear()
    ledger.engine.cache_clear()
    empty_ledger()
    with parsed_dbt(get_settings()):
        yield get_settings()
    forget_cached_rows()
    if ledger.engine.cache_info().currsize:
        # Else its connections stay until the garbage is collected, and the server of all tests runs out of them.
        ledger.engine().dispose()
    get_settings.cache_clear()
    ledger.engine.cache_clear()


@contextlib.contextmanager
def parsed_dbt(settings: Settings) -> Iterator[None]:
    """Let dbt begin with what it parsed in an earlier test, as each night but the first does."""
    kept = Path(_SESSION_HOME.name) / "parsed"
    if kept.is_dir():
        shutil.copytree(kept, settings.dbt_target)
    yield
    for mine in settings.dbt_target.glob("*/target/partial_parse.msgpack"):
        copy = kept / mine.relative_to(settings.dbt_target)
        if not copy.exists():
            copy.parent.mkdir(parents=True)
            shutil.copy(mine, copy)


def empty_ledger() -> None:
    """Forget what earlier tests did."""
    with ledger.engine().begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


def forget_cached_rows() -> None:
    """A job caches rows and ends; within one session each later query would be matched with all of them."""
    if "pyspark.sql" in sys.modules:
        from pyspark import SparkContext
        from pyspark.sql import SparkSession

        if SparkContext._gateway and (status := SparkContext._gateway.proc.poll()) is not None:
            _restart(status)
        elif session := SparkSession.getActiveSession():
            session.catalog.clearCache()


def _restart(status: int) -> None:
    """One driver that ended fails the test that it ended in, and not the hundreds that come after."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    from nightshift.spark_session import session

    warnings.warn(f"the tests' Spark driver ended with exit status {status}; a new one was started", stacklevel=2)
    old = SparkSession._instantiatedSession
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None
    new = session("tests", get_settings())
    # Fixtures of the whole session hold the old one.
    if old is not None:
        old.__dict__.update(new.__dict__)


def database_of_tests() -> str:
    """URL of the embedded server of the test session."""
    settings = Settings(home=Path(_SESSION_HOME.name) / "home")
    return postgres_server.ensure_server(settings).url("ledger", "psycopg2")


def pytest_sessionfinish() -> None:
    """Stop the database that the tests started."""
    postgres_server.stop(Settings(home=Path(_SESSION_HOME.name) / "home"))
