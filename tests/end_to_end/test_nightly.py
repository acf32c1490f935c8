"""The whole project through a real scheduler, on a few weeks of real data.

The fixtures build on each other: ingest, training, nights. One night is run in each way there is.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa

from nightshift import ledger
from nightshift.catalog import Catalog
from nightshift.errors import NightshiftError
from nightshift.services.airflow_api import AirflowRefused
from tests.end_to_end.conftest import nightshift

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Station

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3000)]

USE_CASE = "flight_delays"
TICKING = "ticking"
# The thunderstorms of July follow a pattern that a model of few weeks can learn: the gates refuse one that is not
# surely better than always guessing the base rate, and in most other weeks so small a model is not.
HISTORY = ("2013-06-01", "2013-07-23")
NIGHT = "2013-07-24"
BACKFILLED = ("2013-07-25", "2013-07-26")
NIGHTLY = f"{USE_CASE}_nightly"
# Seconds; each step takes one to two minutes on a machine of two cores that does nothing else.
PATIENCE = 900


@pytest.fixture(scope="module")
def ingested(station: Station) -> Station:
    """Six weeks, as one range."""
    first, last = HISTORY
    station.deliver(f"{first}..{BACKFILLED[1]}")
    station.finished["ingest"] = station.succeed(
        "backfill", PATIENCE, first_date=first, last_date=last, stages="ingest"
    )
    return station


@pytest.fixture(scope="module")
def trained(ingested: Station) -> Station:
    """A small model, standing at the first night."""
    ingested.finished["train"] = ingested.succeed(
        "train", PATIENCE, batch_date=NIGHT, trials=2, validation_days=7, test_days=7
    )
    return ingested


@pytest.fixture(scope="module")
def scored(trained: Station) -> Station:
    """Three nights: one triggered with a logical date, two by a backfill."""
    trained.finished[NIGHT] = trained.succeed("nightly", PATIENCE, trained.midnight(NIGHT))
    first, last = (trained.midnight(day) for day in BACKFILLED)
    trained.api.create_backfill(NIGHTLY, first, last)
    for day in BACKFILLED:
        trained.finished[day] = _backfilled(trained, day)
    return trained


def _backfilled(station: Station, day: str) -> dict[str, Any]:
    at = station.midnight(day).isoformat()
    found = _until(lambda: station.api.runs(NIGHTLY, logical_date_gte=at, logical_date_lte=at), 60)
    return station.assert_succeeds(NIGHTLY, found[0]["dag_run_id"], PATIENCE)


def _until(condition: Callable[[], Any], seconds: float, every: float = 0.5) -> Any:
    """The first true value of a condition."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"nothing after {seconds} s"
        time.sleep(every)
    return value


def _slice(table: str, day: str) -> pa.Table:
    """One batch date of a published table, read without Spark."""
    path = Catalog(_use_case())[table].path
    return deltalake.DeltaTable(str(path)).to_pyarrow_table([("batch_date", "=", day)])


def _use_case() -> Any:
    from nightshift.use_case import UseCase

    return UseCase.load(USE_CASE)


def _hash_of_rows(rows: pa.Table) -> str:
    """The same for the same rows in any order."""
    names = sorted(rows.column_names)
    lines = sorted(json.dumps([row[name] for name in names], default=str) for row in rows.to_pylist())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _scheduled_flights(station: Station, day: str) -> int:
    file = station.home / "landing" / USE_CASE / day / "schedule.csv"
    with file.open(newline="", encoding="utf-8") as stream:
        return sum(1 for _ in csv.DictReader(stream))


def _tasks(station: Station, run: dict[str, Any]) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in station.api.task_instances(run["dag_id"], run["dag_run_id"])}


def test_no_dag_file_fails_to_import(station: Station) -> None:
    assert station.api.import_errors() == []


def test_an_ingest_runs_up_to_the_features_and_no_further(ingested: Station) -> None:
    states = _tasks(ingested, ingested.finished["ingest"])
    done = {"check_deliveries", "land", "refine", "features"}
    assert states == {**dict.fromkeys(done, "success"), "score": "skipped", "marts": "skipped"}
    for day in HISTORY:
        assert _slice("silver.flights", day).num_rows == _scheduled_flights(ingested, day)


def test_the_logs_show_the_command_and_what_the_job_says(ingested: Station) -> None:
    log = ingested.api.task_log(f"{USE_CASE}_backfill", ingested.finished["ingest"]["dag_run_id"], "land")
    first, last = HISTORY
    assert f"python -m spark_jobs.land --use-case {USE_CASE} --dates {first}..{last} --run-id manual__" in log
    assert f"land {USE_CASE} {first}..{last} done in" in log


@pytest.mark.parametrize("day", [NIGHT, *BACKFILLED])
def test_each_scheduled_flight_of_a_night_has_one_score(scored: Station, day: str) -> None:
    scores = _slice("gold.scores", day)
    assert scores.num_rows == _scheduled_flights(scored, day) > 0
    keys = {(row["time_hour"], row["carrier"], row["flight"]) for row in scores.to_pylist()}
    assert len(keys) == scores.num_rows
    assert pc.min(scores["probability"]).as_py() >= 0
    assert pc.max(scores["probability"]).as_py() <= 1


def test_every_batch_balances(scored: Station) -> None:
    """Rows in the landed files are published, quarantined or deduplicated, and none is lost."""
    published = sa.select(ledger.Entry).where(ledger.Entry.table_name.like("bronze.%"))
    with sa.orm.Session(ledger.engine()) as session:
        entries = list(session.scalars(published))
    assert {entry.status for entry in entries} == {"published"}
    sources = {f"bronze.{table.name}" for table in Catalog(_use_case()).sources}
    assert {entry.table_name for entry in entries} >= sources
    for entry in entries:
        if entry.table_name in sources:
            parts = [entry.rows_published, entry.rows_quarantined, entry.rows_deduplicated]
            assert entry.rows_in == sum(part or 0 for part in parts), entry.table_name
            assert entry.rows_in == _delivered_rows(scored, entry), (entry.table_name, entry.batch_date)


def _delivered_rows(station: Station, entry: ledger.Entry) -> int:
    folder = station.home / "landing" / USE_CASE / str(entry.batch_date)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    stem = entry.table_name.removeprefix("bronze.")
    return sum(file["rows"] for file in manifest["files"] if file["name"].partition(".")[0] == stem)


def test_a_night_run_again_leaves_the_same_rows(scored: Station) -> None:
    """Run again by hand, with the form's own way to say a date: no logical date, but the param."""
    day = BACKFILLED[0]
    tables = [table for table in Catalog(scored.use_case) if table.exists()]
    assert len(tables) >= 8

    def hashes() -> dict[str, tuple[int, str]]:
        slices = {table.label: _slice(f"{table.layer}.{table.name}", day) for table in tables}
        return {label: (rows.num_rows, _hash_of_rows(rows)) for label, rows in slices.items()}

    before = hashes()
    versions = {table.label: deltalake.DeltaTable(str(table.path)).version() for table in tables}
    scored.succeed("nightly", PATIENCE, None, batch_date=day)
    assert hashes() == before
    scores = Catalog(scored.use_case)["gold.scores"]
    assert deltalake.DeltaTable(str(scores.path)).version() > versions[scores.label]


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
        ("train", {}, "fill in batch_date"),
    ],
)
def test_a_run_that_makes_no_sense_fails_at_once_and_says_why(
    station: Station, kind: str, conf: dict[str, Any], message: str
) -> None:
    dag_id = f"{USE_CASE}_{kind}"
    run_id = station.api.trigger(dag_id, None, conf)
    assert station.api.wait_for_run(dag_id, run_id, 120)["state"] == "failed"
    tasks = station.api.task_instances(dag_id, run_id)
    [failed] = [task for task in tasks if task["state"] == "failed"]
    assert failed["try_number"] == 1
    assert message in _whole_log(station, dag_id, run_id, failed["task_id"])
    assert "runbook" in (station.api.run(dag_id, run_id)["note"] or "")


def _whole_log(station: Station, dag_id: str, run_id: str, task_id: str) -> str:
    path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1"
    return json.dumps(station.api.call("GET", path, params={"full_content": "true"}))


def test_a_training_cannot_be_backfilled(station: Station) -> None:
    with pytest.raises(NightshiftError, match="does not allow backfill"):
        station.api.create_backfill(f"{USE_CASE}_train", station.midnight(NIGHT), station.midnight(NIGHT))


def test_a_scheduled_run_waits_for_the_delivery_of_its_day_and_fails_by_its_deadline(station: Station) -> None:
    dag_id = f"{TICKING}_nightly"

    def ended() -> list[dict[str, Any]]:
        return [run for run in station.api.runs(dag_id, run_type="scheduled") if run["state"] == "failed"]

    run = _until(ended, 300, every=2)[-1]
    tick = dt.datetime.fromisoformat(run["logical_date"])
    expected = tick.astimezone(station.use_case.zone).date()
    manifest = station.home / "landing" / TICKING / str(expected) / "manifest.json"
    states = _tasks(station, run)
    assert states.pop("wait_for_delivery") == "failed"
    assert set(states.values()) == {"upstream_failed"}
    log = _whole_log(station, dag_id, run["dag_run_id"], "wait_for_delivery")
    assert f"Waiting for {manifest}" in log
    assert f"waited 1 minutes for {manifest}" in log
    [wait] = [
        task for task in station.api.task_instances(dag_id, run["dag_run_id"]) if task["task_id"] == "wait_for_delivery"
    ]
    assert wait["try_number"] == 1
    assert "deferred" in log.lower()
    station.api.set_paused(dag_id, paused=True)


def test_a_corrected_delivery_is_found_and_redone_downstream(scored: Station) -> None:
    """One outcome of the newest delivery is corrected: that date is done again in every layer, and no other one."""
    day, untouched = BACKFILLED[1], BACKFILLED[0]
    before = {name: _hash_of_rows(_slice(name, untouched)) for name in ("silver.outcomes", "gold.scores")}
    late_flights = pc.sum(_slice("silver.outcomes", day)["is_late"]).as_py()
    _correct_one_outcome(scored.home / "landing" / USE_CASE / day)
    found = nightshift("late", "--use-case", USE_CASE)
    assert f"{day}  was corrected" in found, found

    run = scored.succeed("catch_up", PATIENCE, None)
    assert set(_tasks(scored, run).values()) == {"success"}
    assert pc.sum(_slice("silver.outcomes", day)["is_late"]).as_py() == late_flights + 1
    assert {name: _hash_of_rows(_slice(name, untouched)) for name in before} == before
    assert "nothing came late and nothing was corrected" in nightshift("late", "--use-case", USE_CASE)
    versions = sa.select(sa.func.count(sa.distinct(ledger.schema.InputEntry.version))).where(
        ledger.schema.InputEntry.name == "outcomes.jsonl.gz",
        ledger.schema.InputEntry.batch_date == dt.date.fromisoformat(day),
    )
    with ledger.engine().connect() as connection:
        assert connection.scalar(versions) == 2, "the ledger knows both versions of the file"
    traced = json.loads(nightshift("trace", "gold.scores", day, "--use-case", USE_CASE, "--json"))
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
    assert station.api.wait_for_run(NIGHTLY, run_id, 120)["state"] == "failed"
    assert "fill in batch_date" in _whole_log(station, NIGHTLY, run_id, "wait_for_delivery")


def test_a_task_that_is_killed_leaves_no_jvm(scored: Station) -> None:
    """First its process is killed, as the kernel does when memory is short; then a person marks the retry failed."""
    dag_id = f"{USE_CASE}_backfill"
    before = _hash_of_rows(_slice("bronze.schedule", NIGHT))
    assert scored.jvms() == []
    conf = {"first_date": NIGHT, "last_date": NIGHT, "stages": "ingest"}
    run_id = scored.api.trigger(dag_id, None, conf)

    job, jvm = _until(lambda: _running_job(scored), 120)
    task = job.parent()
    assert task is not None
    task.kill()
    _until(lambda: not job.is_running() and not jvm.is_running(), 10)

    def state() -> str:
        return {task["task_id"]: task["state"] for task in scored.api.task_instances(dag_id, run_id)}["land"]

    assert _until(lambda: state() in ("up_for_retry", "queued", "running") and state(), 60)
    job, jvm = _until(lambda: _running_job(scored), 180)
    scored.api.call("PATCH", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/land", {"new_state": "failed"})
    _until(lambda: not job.is_running() and not jvm.is_running(), 40)
    assert scored.api.wait_for_run(dag_id, run_id, 60)["state"] == "failed"
    # One that was being launched ends by itself when it finds the pipe from its job closed.
    _until(lambda: scored.jvms() == [], 30)
    assert _hash_of_rows(_slice("bronze.schedule", NIGHT)) == before


def _running_job(station: Station) -> tuple[Any, Any] | None:
    jobs, jvms = station.jobs("spark_jobs.land"), station.jvms()
    return (jobs[0], jvms[0]) if jobs and jvms else None
