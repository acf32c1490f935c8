"""The wait for a delivery ends when it is complete, or at the deadline with the path that is missing."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.sdk.exceptions import TaskDeferred

from nightshift.home.outside_errors import unusable
from nightshift.home.settings import get_settings
from nightshift.ingest.delivery import MANIFEST, landing_folder
from nightshift_airflow import deliveries
from nightshift_airflow.deliveries import CheckDeliveries, DeliveryTrigger, WaitForDelivery
from nightshift_airflow.retries import TaskFailedError
from nightshift_airflow.runs import asked_range, night
from tests.in_home import UseCaseInHome

USE_CASE = UseCaseInHome.load("flight_delays", get_settings())


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield landing_folder(USE_CASE).location.path
    get_settings.cache_clear()


def deliver(landing: Path, *days: str) -> None:
    for day in days:
        (landing / day).mkdir(parents=True)
        (landing / day / MANIFEST).write_text("{}")


def context(**params: Any) -> dict[str, Any]:
    dag_run = SimpleNamespace(run_type="manual", run_id="manual__x", logical_date=None, conf={})
    return {"dag_run": dag_run, "dag": SimpleNamespace(params=params), "params": params}


def fire(trigger: DeliveryTrigger) -> dict[str, Any]:
    """The one event of a trigger."""

    async def first() -> dict[str, Any]:
        events = [event.payload async for event in trigger.run()]
        assert len(events) == 1
        return events[0]

    return asyncio.run(asyncio.wait_for(first(), 10))


def in_seconds(seconds: float) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).isoformat()


def waiting() -> WaitForDelivery:
    return WaitForDelivery(task_id="wait_for_delivery", use_case=USE_CASE, dates=night)


def test_a_delivery_that_is_there_ends_the_wait_without_deferring(landing: Path) -> None:
    deliver(landing, "2013-10-01")
    waiting().execute(context(batch_date="2013-10-01"))


def test_a_missing_delivery_defers_with_the_pause_and_deadline_of_the_use_case(landing: Path) -> None:
    deliver(landing, "2013-10-02")  # of another date
    before = dt.datetime.now(dt.UTC)
    with pytest.raises(TaskDeferred) as deferred:
        waiting().execute(context(batch_date="2013-10-01"))
    trigger = deferred.value.trigger
    assert isinstance(trigger, DeliveryTrigger)
    assert trigger.folder == str(landing / "2013-10-01")
    assert trigger.poll_seconds == USE_CASE.delivery.poll_seconds
    minutes = dt.timedelta(minutes=USE_CASE.delivery.deadline_minutes)
    assert dt.timedelta(0) <= dt.datetime.fromisoformat(trigger.deadline) - before - minutes < dt.timedelta(seconds=30)


def test_a_half_written_delivery_is_waited_for(landing: Path) -> None:
    (landing / "2013-10-01").mkdir(parents=True)
    (landing / "2013-10-01" / "schedule.csv").write_text("flight_date,carrier")
    with pytest.raises(TaskDeferred):
        waiting().execute(context(batch_date="2013-10-01"))


def test_a_run_without_a_date_does_not_wait(landing: Path) -> None:
    with pytest.raises(TaskFailedError, match="Batch date is empty: fill it in"):
        waiting().execute(context(batch_date=None))


def test_a_use_case_that_reads_databases_only_has_nothing_to_wait_for(
    landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "expects_manifest", lambda catalog: False)
    waiting().execute(context(batch_date="2013-10-01"))
    CheckDeliveries(task_id="check_deliveries", use_case=USE_CASE, dates=asked_range).execute(
        context(first_date="2013-10-03", last_date=None)
    )


def test_a_trigger_keeps_where_an_object_store_is(monkeypatch: pytest.MonkeyPatch) -> None:
    store = "s3://deliveries/landing?endpoint_override=localhost:1&scheme=http"
    monkeypatch.setenv("NIGHTSHIFT_LANDING_URL", store)
    monkeypatch.setattr(deliveries, "is_complete", lambda folder, home: False)
    get_settings.cache_clear()
    try:
        with pytest.raises(TaskDeferred) as deferred:
            waiting().execute(context(batch_date="2013-10-01"))
    finally:
        get_settings.cache_clear()
    expected = "s3://deliveries/landing/flight_delays/2013-10-01?endpoint_override=localhost:1&scheme=http"
    assert deferred.value.trigger.folder == expected


def test_a_deadline_that_passed_fails_for_good_and_names_the_path(landing: Path) -> None:
    with pytest.raises(TaskFailedError, match=str(landing / "2013-10-01" / MANIFEST)):
        waiting().execute_complete(context(batch_date="2013-10-01"), {"complete": False})


def test_an_event_that_says_nothing_is_no_delivery(landing: Path) -> None:
    with pytest.raises(TaskFailedError):
        waiting().execute_complete(context(batch_date="2013-10-01"), {})


def test_the_wait_ends_well_when_the_delivery_came(landing: Path) -> None:
    waiting().execute_complete(context(batch_date="2013-10-01"), {"complete": True})


def test_the_trigger_fires_when_the_manifest_appears(landing: Path) -> None:
    trigger = DeliveryTrigger(str(landing / "2013-10-01"), 0.05, in_seconds(8))

    async def delivered_while_waiting() -> dict[str, Any]:
        events = trigger.run()
        event = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.3)
        assert not event.done()
        deliver(landing, "2013-10-01")
        return (await asyncio.wait_for(event, 5)).payload

    assert asyncio.run(delivered_while_waiting()) == {"complete": True}


def test_the_trigger_gives_up_at_the_deadline(landing: Path) -> None:
    assert fire(DeliveryTrigger(str(landing / "2013-10-01"), 60, in_seconds(0.3))) == {"complete": False}


def test_a_store_that_can_not_be_asked_is_asked_until_the_deadline_and_is_no_missing_delivery(
    landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightshift.storage.object_store.RETRIES", 0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "tests")
    closed = "s3://deliveries/landing/2013-10-01?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1"
    event = fire(DeliveryTrigger(closed, 60, in_seconds(0.3)))
    assert event["complete"] is False
    with pytest.raises(
        TaskFailedError, match=r"the store could not be asked: s3://deliveries/landing/2013-10-01 "
    ) as end:
        waiting().execute_complete(context(batch_date="2013-10-01"), event)
    assert end.value.error.kind == "store"
    # The wait is over: a second one would not be shorter.
    assert end.value.error.retries == 0


def test_a_store_that_lets_nobody_in_ends_the_wait_at_once(landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Credentials that were revoked during the wait.
    revoked = unusable("s3://deliveries can't be read", PermissionError("AWS Error ACCESS_DENIED"))
    monkeypatch.setattr(deliveries, "is_complete", Mock(side_effect=revoked))
    event = fire(DeliveryTrigger(str(landing / "2013-10-01"), 60, in_seconds(3600)))
    with pytest.raises(TaskFailedError, match="ACCESS_DENIED\nNext: fix the access") as end:
        waiting().execute_complete(context(batch_date="2013-10-01"), event)
    assert end.value.error.kind == "settings"


def test_a_trigger_that_restarts_after_the_deadline_still_looks_once(landing: Path) -> None:
    deliver(landing, "2013-10-01")
    assert fire(DeliveryTrigger(str(landing / "2013-10-01"), 60, in_seconds(-100))) == {"complete": True}


def test_a_trigger_is_the_same_after_its_journey_to_the_triggerer() -> None:
    path, arguments = DeliveryTrigger("/landing/2013-10-01", 60, "2013-10-01T10:00:00+00:00").serialize()
    assert path == "nightshift_airflow.deliveries.DeliveryTrigger"
    assert DeliveryTrigger(**arguments).serialize() == (path, arguments)


def test_a_backfill_fails_at_once_naming_the_missing_deliveries(landing: Path) -> None:
    deliver(landing, "2013-10-01", "2013-10-03")
    task = CheckDeliveries(task_id="check_deliveries", use_case=USE_CASE, dates=asked_range)
    with pytest.raises(TaskFailedError) as missing:
        task.execute(context(first_date="2013-10-01", last_date="2013-10-10"))
    message = str(missing.value)
    first_line, second_line = message.splitlines()[:2]
    assert first_line == "8 of the 10 deliveries of 2013-10-01..2013-10-10 are not there:"
    assert second_line == f"  {landing}/2013-10-02/{MANIFEST}"
    assert message.count(MANIFEST) == 5
    assert "and 3 more" in message
    task.execute(context(first_date="2013-10-03", last_date=None))
