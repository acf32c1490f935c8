"""The whole project through a real scheduler, on a few weeks of real data."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest
import sqlalchemy as sa

from nightshift import ledger
from nightshift.declarations.catalog import Catalog
from nightshift.errors import NightshiftError
from nightshift.install.demo.dag_runs import ended_or_asking
from nightshift.install.services.airflow_api import AirflowRefused
from nightshift.ledger.ledger_tables import EntryRow, InputRow
from tests.end_to_end.station import (
    BACKFILLED,
    HISTORY,
    NIGHT,
    NIGHTLY,
    PATIENCE,
    TICKING,
    USE_CASE,
    hash_of_rows,
    slice_of,
    told,
    until,
)

if TYPE_CHECKING:
    from tests.end_to_end.station import Station

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3000)]


def _tasks(station: Station, run: dict[str, Any]) -> dict[str, str]:
    return station.states(run["dag_id"], run["dag_run_id"])


def test_an_ingest_runs_up_to_the_features_and_no_further(ingested: Station) -> None:
    states = _tasks(ingested, ingested.finished["ingest"])
    done = {"check_deliveries", "land", "refine", "features"}
    assert states == {**dict.fromkeys(done, "success"), "score": "skipped", "marts": "skipped"}
    for day in HISTORY:
        assert slice_of("silver.flights", day).num_rows == ingested.scheduled_flights(day)


def test_the_logs_show_the_command_and_what_the_job_says(ingested: Station) -> None:
    log = ingested.api.task_log(f"{USE_CASE}_backfill", ingested.finished["ingest"]["dag_run_id"], "land")
    first, last = HISTORY
    assert f"python -m spark_jobs.land --use-case {USE_CASE} --dates {first}..{last} --run-id manual__" in log
    assert f"land {USE_CASE} {first}..{last} done in" in log


@pytest.mark.parametrize("day", [NIGHT, BACKFILLED])
def test_each_scheduled_flight_of_a_night_has_one_score(scored: Station, day: str) -> None:
    scores = slice_of("gold.scores", day)
    assert scores.num_rows == scored.scheduled_flights(day) > 0
    keys = {(row["time_hour"], row["carrier"], row["flight"]) for row in scores.to_pylist()}
    assert len(keys) == scores.num_rows
    assert pc.min(scores["probability"]).as_py() >= 0
    assert pc.max(scores["probability"]).as_py() <= 1


def test_a_night_tells_waiting_dags_what_it_published_and_a_backfill_is_silent(scored: Station) -> None:
    events = scored.api.call("GET", "assets/events", params={"source_dag_id": NIGHTLY, "limit": 100})["asset_events"]
    by_run = {day: scored.finished[day]["dag_run_id"] for day in (NIGHT, BACKFILLED)}
    sent = {event["uri"]: event["extra"] for event in events if event["source_run_id"] == by_run[NIGHT]}
    tables = {f"nightshift://{USE_CASE}/{table.short_name.replace('.', '/')}" for table in Catalog(scored.use_case)}
    assert sent.keys() <= tables
    scores = sent[f"nightshift://{USE_CASE}/gold/scores"]
    assert (scores["batch_dates"], scores["rows"]) == ([NIGHT], scored.scheduled_flights(NIGHT))
    assert not [event["uri"] for event in events if event["source_run_id"] == by_run[BACKFILLED]]


def test_every_batch_balances(scored: Station) -> None:
    """Rows in the landed files are published, quarantined or deduplicated, and none is lost."""
    published = sa.select(EntryRow).where(EntryRow.table_name.like("bronze.%"))
    with sa.orm.Session(ledger.engine()) as session:
        entries = list(session.scalars(published))
    assert {entry.status for entry in entries} == {"published"}
    sources = {f"bronze.{table.name}" for table in Catalog(scored.use_case).sources}
    assert {entry.table_name for entry in entries} >= sources
    for entry in entries:
        if entry.table_name in sources:
            parts = [entry.rows_published, entry.rows_quarantined, entry.rows_deduplicated]
            assert entry.rows_in == sum(part or 0 for part in parts), entry.table_name
            assert entry.rows_in == _delivered_rows(scored, entry), (entry.table_name, entry.batch_date)


def _delivered_rows(station: Station, entry: EntryRow) -> int:
    folder = station.landing / USE_CASE / str(entry.batch_date)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    stem = entry.table_name.removeprefix("bronze.")
    return sum(file["rows"] for file in manifest["files"] if file["name"].partition(".")[0] == stem)


@pytest.mark.parametrize(
    ("kind", "conf"),
    [
        ("nightly", {"batch_date": "2013-10-01' OR 1=1"}),
        ("nightly", {"batch_date": "../../etc"}),
        ("nightly", {"batch_date": NIGHT, "model": "champion; DROP TABLE"}),
        ("backfill", {"first_date": "2013-02-30", "last_date": "2013-03-01"}),
        ("backfill", {"first_date": NIGHT}),
        ("train", {"batch_date": NIGHT, "trials": 0}),
    ],
)
def test_a_param_that_is_none_is_refused_before_there_is_a_run(
    station: Station, kind: str, conf: dict[str, Any]
) -> None:
    before = len(station.api.runs(f"{USE_CASE}_{kind}"))
    with pytest.raises(AirflowRefused) as refused:
        station.api.trigger(f"{USE_CASE}_{kind}", None, conf)
    assert refused.value.status == 400
    assert len(station.api.runs(f"{USE_CASE}_{kind}")) == before


@pytest.mark.parametrize(
    ("kind", "conf", "message"),
    [
        ("backfill", {"first_date": "2013-07-10", "last_date": "2013-07-01"}, "ends before its start"),
        ("backfill", {"first_date": "2012-02-01", "last_date": "2013-12-31"}, "one run may have 366"),
        ("backfill", {"first_date": "2013-12-01", "last_date": "2013-12-02"}, "2013-12-01/manifest.json"),
        ("train", {}, "Batch date is empty: fill it in"),
    ],
)
def test_a_run_that_makes_no_sense_fails_at_once_and_says_why(
    station: Station, kind: str, conf: dict[str, Any], message: str
) -> None:
    dag_id = f"{USE_CASE}_{kind}"
    run_id = station.api.trigger(dag_id, None, conf)
    assert ended_or_asking(station.api, dag_id, run_id, 120, print)["state"] == "failed"
    tasks = station.api.task_instances(dag_id, run_id)
    [failed] = [task for task in tasks if task["state"] == "failed"]
    assert failed["try_number"] == 1
    log = station.whole_log(dag_id, run_id, failed["task_id"])
    assert message in log
    # Frames of Airflow's own, by its name for them.
    assert "error_detail" not in log
    note = station.api.run(dag_id, run_id)["note"] or ""
    assert message in note
    assert "runbook" in note


def test_a_training_cannot_be_backfilled(station: Station) -> None:
    with pytest.raises(NightshiftError, match="does not allow backfill"):
        station.backfill(f"{USE_CASE}_train", NIGHT, NIGHT)


def test_a_scheduled_run_waits_for_the_delivery_of_its_day_and_fails_by_its_deadline(ingested: Station) -> None:
    run = ingested.finished["tick"]
    assert run["state"] == "failed"
    tick = dt.datetime.fromisoformat(run["logical_date"])
    expected = tick.astimezone(ingested.use_case.zone).date()
    manifest = ingested.landing / TICKING / str(expected) / "manifest.json"
    states = _tasks(ingested, run)
    assert states.pop("wait_for_delivery") == "failed"
    assert set(states.values()) == {"upstream_failed"}
    log = ingested.whole_log(run["dag_id"], run["dag_run_id"], "wait_for_delivery")
    assert f"Waiting for {manifest}" in log
    # Lines are wrapped, and a path stays whole.
    assert "waited 1 minutes for" in log
    assert log.count(str(manifest)) > 1
    tasks = ingested.api.task_instances(run["dag_id"], run["dag_run_id"])
    assert [task["try_number"] for task in tasks if task["task_id"] == "wait_for_delivery"] == [1]
    assert "deferred" in log.lower()


@pytest.mark.long
def test_a_corrected_delivery_is_found_and_redone_downstream(scored: Station) -> None:
    """One outcome of the newest delivery is corrected: that date is done again in every layer, and no other one."""
    day, untouched = BACKFILLED, NIGHT
    before = {name: hash_of_rows(slice_of(name, untouched)) for name in ("silver.outcomes", "gold.scores")}
    late_flights = pc.sum(slice_of("silver.outcomes", day)["is_late"]).as_py()
    _correct_one_outcome(scored.landing / USE_CASE / day)
    found = told("late", "--use-case", USE_CASE)
    assert f"{day}  was corrected" in found, found

    run = scored.succeed("catch_up", PATIENCE, None)
    assert set(_tasks(scored, run).values()) == {"success"}
    assert pc.sum(slice_of("silver.outcomes", day)["is_late"]).as_py() == late_flights + 1
    assert {name: hash_of_rows(slice_of(name, untouched)) for name in before} == before
    assert "nothing came late and nothing was corrected" in told("late", "--use-case", USE_CASE)
    versions = sa.select(sa.func.count(sa.distinct(InputRow.version))).where(
        InputRow.name == "outcomes.jsonl.gz",
        InputRow.batch_date == dt.date.fromisoformat(day),
    )
    with ledger.engine().connect() as connection:
        assert connection.scalar(versions) == 2, "the ledger knows both versions of the file"
    traced = json.loads(told("trace", "gold.scores", day, "--use-case", USE_CASE, "--json"))
    assert traced["balances"]


def _correct_one_outcome(folder: Path) -> None:
    """Deliver the outcomes again, with one flight that was on time now late."""
    file, manifest = folder / "outcomes.jsonl.gz", folder / "manifest.json"
    rows = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    next(row for row in rows if row["arr_delay"] is not None and int(row["arr_delay"]) < 15)["arr_delay"] = 99
    told = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.unlink()
    file.write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))
    entry = next(each for each in told["files"] if each["name"] == file.name)
    entry |= {"bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    manifest.write_text(json.dumps(told), encoding="utf-8")


def test_a_run_started_from_the_form_without_a_date_is_never_green(station: Station) -> None:
    """The form fills in the present moment, which the sample's dates do not reach: it must fail, and say why."""
    run_id = station.api.trigger(NIGHTLY, dt.datetime.now(dt.UTC), {})
    assert ended_or_asking(station.api, NIGHTLY, run_id, 120, print)["state"] == "failed"
    assert "Batch date is empty: fill it in" in station.whole_log(NIGHTLY, run_id, "wait_for_delivery")


@pytest.mark.long
def test_a_task_whose_landing_store_goes_away_is_tried_again_and_ends_with_the_same_rows(scored: Station) -> None:
    """Cleared by a person while a share is not mounted: the store is told from a delivery that is missing."""
    run_id = scored.finished[NIGHT]["dag_run_id"]
    before = hash_of_rows(slice_of("bronze.schedule", NIGHT))
    landing = scored.landing
    away = landing.with_suffix(".away")
    landing.rename(away)
    try:
        cleared = {"dry_run": False, "dag_run_id": run_id, "task_ids": ["land"], "only_failed": False}
        scored.api.call("POST", f"dags/{NIGHTLY}/clearTaskInstances", cleared)
        until(lambda: scored.states(NIGHTLY, run_id)["land"] == "up_for_retry", 180)
    finally:
        away.rename(landing)
    scored.assert_succeeds(NIGHTLY, run_id, PATIENCE)
    tries = {task["task_id"]: task["try_number"] for task in scored.api.task_instances(NIGHTLY, run_id)}
    assert (tries["land"], tries["refine"]) == (3, 1)
    assert f"{landing} is not there" in scored.whole_log(NIGHTLY, run_id, "land", 2)
    assert hash_of_rows(slice_of("bronze.schedule", NIGHT)) == before


@pytest.mark.long
def test_a_task_that_is_killed_leaves_no_jvm(scored: Station) -> None:
    """First its process is killed, as the kernel does when memory is short; then a person marks the retry failed."""
    dag_id = f"{USE_CASE}_backfill"
    before = hash_of_rows(slice_of("bronze.schedule", NIGHT))
    assert scored.jvms() == []
    conf = {"first_date": NIGHT, "last_date": NIGHT, "stages": "ingest"}
    run_id = scored.api.trigger(dag_id, None, conf)

    job, jvm = until(lambda: _running_job(scored), 120)
    task = job.parent()
    assert task is not None
    task.kill()
    until(lambda: not job.is_running() and not jvm.is_running(), 10)

    def state() -> str:
        return {task["task_id"]: task["state"] for task in scored.api.task_instances(dag_id, run_id)}["land"]

    assert until(lambda: state() in ("up_for_retry", "queued", "running") and state(), 60)
    job, jvm = until(lambda: _running_job(scored), 180)
    scored.api.call("PATCH", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/land", {"new_state": "failed"})
    until(lambda: not job.is_running() and not jvm.is_running(), 40)
    assert ended_or_asking(scored.api, dag_id, run_id, 60, print)["state"] == "failed"
    # One that was being launched ends by itself when it finds the pipe from its job closed.
    until(lambda: scored.jvms() == [], 30)
    assert hash_of_rows(slice_of("bronze.schedule", NIGHT)) == before


def _running_job(station: Station) -> tuple[Any, Any] | None:
    jobs, jvms = station.jobs("spark_jobs.land"), station.jvms()
    return (jobs[0], jvms[0]) if jobs and jvms else None
