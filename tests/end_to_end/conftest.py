"""A whole installation of its own: services, a use case with short deadlines, and one that ticks every minute.

The fixtures build on each other, and all tests of this folder share them: ingest, an approved model, nights.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightshift import ledger
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.install.services.airflow_api import AirflowApi
from nightshift.install.services.airflow_env import connection_info
from tests.end_to_end import browser
from tests.end_to_end.station import (
    BACKFILLED,
    HISTORY,
    NIGHT,
    NIGHTLY,
    PATIENCE,
    TICKING,
    TO_COME,
    USE_CASE,
    WHY_APPROVED,
    WHY_PROMOTED,
    WHY_REJECTED,
    Station,
    nightshift,
    until,
    versions_of,
)
from tests.hostile import HOSTILE

KINDS = ("nightly", "train", "backfill", "catch_up", "rollback")
FIRST = dt.date.fromisoformat(HISTORY[0])


@pytest.fixture(scope="package")
def station() -> Iterator[Station]:
    """Services up, DAGs found, and those switched on that wait for it; everything is removed at the end."""
    # A short folder of its own: sockets lie in it, and their paths must not be long.
    root = Path(tempfile.mkdtemp(prefix="ns-e2e-"))
    home = root / "home"
    of_this_test = {
        "NIGHTSHIFT_HOME": str(home),
        "NIGHTSHIFT_USE_CASES_DIR": str(_use_cases(root / "use_cases")),
        # Apart from the home, as a share is: of one that is not there, nobody knows what it holds.
        "NIGHTSHIFT_LANDING_URL": str(root / "landing"),
    }
    before = {name: os.environ.get(name) for name in (*of_this_test, "NIGHTSHIFT_DATABASE_URL")}
    (root / "landing").mkdir()
    os.environ.pop("NIGHTSHIFT_DATABASE_URL", None)
    os.environ.update(of_this_test)
    _forget_settings()
    try:
        # Whatever runs in this folder runs in services that were started on an unlucky machine.
        nightshift("up", **HOSTILE)
        with AirflowApi(connection_info(get_settings())) as api:
            for dag_id in (f"{name}_{kind}" for name in (USE_CASE, TICKING) for kind in KINDS):
                api.wait_for_dag(dag_id)
            # As a person does after `nightshift up`; the others are on from the start, or their tests don't end.
            for dag_id in (f"{USE_CASE}_nightly", f"{USE_CASE}_train", f"{TICKING}_nightly"):
                api.set_paused(dag_id, paused=False)
            yield Station(home, api)
    finally:
        nightshift("clean", "--yes")
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        _forget_settings()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="package")
def ingested(station: Station) -> Station:
    """Some weeks, as one range; while they land, the sockets of the home are removed, and `up` is run once more."""
    first, last = HISTORY
    station.deliver(f"{first}..{BACKFILLED}")
    conf = {"first_date": first, "last_date": last, "stages": "ingest"}
    run_id = station.api.trigger(f"{USE_CASE}_backfill", None, conf)
    job = until(lambda: station.jobs("spark_jobs.land"), 120)[0]
    station.fixed = _fixed(station)
    assert job.is_running(), "`up` ends nothing that runs"
    station.finished["ingest"] = station.assert_succeeds(f"{USE_CASE}_backfill", run_id, PATIENCE)
    station.finished["tick"] = _ticked(station)
    return station


@pytest.fixture(scope="package")
def trained(ingested: Station) -> Station:
    """Two small models, standing at the first night: a person has rejected the first and approved the second."""
    for name, option, why in (
        ("rejected", "Reject version 1", WHY_REJECTED),
        ("approved", "Approve version 2", WHY_APPROVED),
    ):
        run_id = ingested.train_until_asked(batch_date=NIGHT)
        ingested.forms[name] = browser.answer(ingested.api.connection, option, why)
        ingested.finished[name] = ingested.assert_succeeds(f"{USE_CASE}_train", run_id, PATIENCE)
    return ingested


@pytest.fixture(scope="package")
def scored(trained: Station) -> Station:
    """Two nights: one triggered with a logical date, one by a backfill, after another model was promoted by hand.

    The backfill is asked for the champion of the nights to come, which on its date was not yet.
    """
    trained.finished[NIGHT] = trained.succeed("nightly", PATIENCE, trained.midnight(NIGHT))
    promoted = ("--use-case", USE_CASE, "--who", "admin", "--why", WHY_PROMOTED, "--from", TO_COME)
    assert f"version 1 is champion from {TO_COME} on" in nightshift("models", "promote", "1", *promoted)
    trained.backfill(NIGHTLY, BACKFILLED, BACKFILLED, {"model": "champion"})
    trained.finished[BACKFILLED] = _backfilled(trained, BACKFILLED)
    trained.scored_by = versions_of(BACKFILLED)
    return trained


def _fixed(station: Station) -> tuple[set[tuple[int, float]], set[tuple[int, float]]]:
    """The services before and after a cleaner, and an `up` of a shell with another folder for temporary files."""
    before = station.services()
    for socket in ("run/control.sock", "postgres/.s.PGSQL.5432"):
        (station.home / socket).unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", "/nonexistent")
        nightshift("up")
    return before, station.services()


def _ticked(station: Station) -> dict[str, Any]:
    """A scheduled run that failed by its deadline; no more of them, as each takes some of the machine."""
    dag_id = f"{TICKING}_nightly"
    runs = until(lambda: [run for run in station.api.runs(dag_id, run_type="scheduled") if run["end_date"]], 300, 2)
    station.api.set_paused(dag_id, paused=True)
    return runs[-1]


def _backfilled(station: Station, day: str) -> dict[str, Any]:
    at = station.midnight(day).isoformat()
    found = until(lambda: station.api.runs(NIGHTLY, logical_date_gte=at, logical_date_lte=at), 60)
    return station.assert_succeeds(NIGHTLY, found[0]["dag_run_id"], PATIENCE)


def _use_cases(folder: Path) -> Path:
    """Copies of the real use case: one with a short deadline, one whose newest night is today's."""
    original = PROJECT_DIR / "use_cases" / USE_CASE
    today = dt.datetime.now(dt.UTC).date()
    for name in (USE_CASE, TICKING):
        shutil.copytree(original, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        file = folder / name / "use_case.yaml"
        declared = yaml.safe_load(file.read_text(encoding="utf-8"))
        declared |= {"name": name, "delivery": {**declared["delivery"], "poll_seconds": 2, "deadline_minutes": 1}}
        declared["dates"] = {**declared["dates"], "first": FIRST}
        # A person is asked about the first model, too.
        # Of eight dates, too few to tell from a lucky week: by flight numbers, as no test here is about their skill.
        declared["training"]["independent_unit"] = "flight"
        declared["training"]["approval"] = {"first": "person", "later": "person", "by": ["admin"]}
        declared.pop("demo", None)
        if name == TICKING:
            day = dt.timedelta(days=1)
            declared["dates"] = {"first": today - 2 * day, "last": today + 2 * day, "max_range_days": 10}
            _forget_agreements(folder / name / "tables.yaml")
        file.write_text(yaml.safe_dump(declared), encoding="utf-8")
    return folder


def _forget_agreements(file: Path) -> None:
    """It has no dbt models, so nothing can be checked against their tables."""
    declared = yaml.safe_load(file.read_text(encoding="utf-8"))
    for table in declared["tables"]:
        table.pop("agrees_with", None)
    file.write_text(yaml.safe_dump(declared), encoding="utf-8")


def _forget_settings() -> None:
    get_settings.cache_clear()
    ledger.engine.cache_clear()
