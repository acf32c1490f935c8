"""What `nightshift up` has started: healthy, on this machine only, and untouched by a second start."""

from __future__ import annotations

import contextlib

import psutil
import pytest

from nightshift.install.services import home_processes
from tests.end_to_end.station import Station, nightshift

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3000)]
HEALTHY = {"metadatabase": "healthy", "scheduler": "healthy", "triggerer": "healthy", "dag_processor": "healthy"}


def test_every_component_is_healthy_and_no_dag_file_fails_to_import(station: Station) -> None:
    assert station.api.health() == HEALTHY
    assert station.api.import_errors() == []


def test_each_use_case_writes_to_its_lake_in_one_slot(station: Station) -> None:
    pools = {pool["name"]: pool["slots"] for pool in station.api.call("GET", "pools")["pools"]}
    assert pools[station.use_case.lake_pool] == 1


def test_nothing_listens_beyond_this_machine(station: Station) -> None:
    listening = set()
    for service in home_processes.of_home(station.home):
        # A process of Airflow's may have ended meanwhile.
        with contextlib.suppress(psutil.NoSuchProcess):
            sockets = service.net_connections("tcp")
            listening |= {each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_started_a_second_time_nothing_runs_twice(station: Station) -> None:
    before = station.services()
    assert station.api.connection.base_url in nightshift("up")
    assert station.services() == before


def test_sockets_that_a_cleaner_removed_are_put_back_under_a_task_that_goes_on(ingested: Station) -> None:
    before, after = ingested.fixed
    assert before == after
    assert ingested.finished["ingest"]["state"] == "success"
