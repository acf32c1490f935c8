"""A DAG that waits for a table starts when a slice of it was published, and only then: with Airflow's own scheduler.

The operator runs stand-ins for the jobs, in a process of its own with an empty database; the DAG that waits is that of
the documentation.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from nightshift.home.settings import PROJECT_DIR

WAITS = re.findall(r"^```python\n(.*?)^```", (PROJECT_DIR / "docs" / "assets.md").read_text(), re.MULTILINE | re.DOTALL)
# Scores and marts of a use case, as every DAG has them.
WRITES = """
from airflow.sdk import DAG
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift_airflow import params
from nightshift_airflow.runs import night
from nightshift_airflow.stage_tasks import score_tasks

use_case = UseCase.load("flight_delays", get_settings())
form = {"batch_date": params.batch_date(use_case), "model": params.model(), "announce": params.announce()}
for name, announced in {"night": params.IF_ASKED_OR_NIGHT, "past": params.IF_ASKED}.items():
    with DAG(name, schedule=None, params=form) as globals()[f"dag_{name}"]:
        score, marts = score_tasks(Catalog(use_case), night, announced=announced)
"""
# Publishes what the version of its model says; fails for some.
SCORE = """
import sys
from nightshift.dates import BatchDates
from nightshift.errors import DataError
from nightshift.job_result import hand_over_failure, hand_over_published

version = sys.argv[sys.argv.index("--model") + 1]
dates = BatchDates.parse(sys.argv[sys.argv.index("--dates") + 1])
if version != "3":
    hand_over_published("gold.scores", dates, int(version.replace("as_of", "7")), 842)
if version == "4":
    hand_over_failure(DataError("refused"))
    sys.exit(65)
"""
RUNS: list[tuple[str, str, dict[str, Any]]] = [
    ("night", "2013-10-01", {}),
    # It had nothing to publish, as another run was first; and one that fails after it published.
    ("night", "2013-10-02", {"model": "3"}),
    ("night", "2013-10-03", {"model": "4"}),
    ("past", "2013-10-04", {}),
    ("past", "2013-10-05", {"announce": True, "model": "8"}),
]
SCRIPT = """
import datetime as dt, json, sys
import airflow.models
from airflow import settings
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.asset import AssetEvent
from airflow.models.base import Base
from airflow.models.dagrun import DagRun
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import add_default_pool_if_not_exists, synchronize_log_template
from airflow.utils.session import create_session
from airflow.utils.sqlalchemy import prohibit_commit
from sqlalchemy import select

airflow.models.import_all_models()
Base.metadata.create_all(settings.engine)
synchronize_log_template()
add_default_pool_if_not_exists()
dags = DagBag(sys.argv[2]).dags
found = []
for number, (dag_id, date, conf) in enumerate(json.loads(sys.argv[1])):
    run = dags[dag_id].test(
        logical_date=dt.datetime(2013, 11, 1 + number, 1, 2, 3, tzinfo=dt.UTC), run_conf={**conf, "batch_date": date}
    )
    scheduler = SchedulerJobRunner(Job())
    with create_session() as session, prohibit_commit(session) as guard:
        scheduler._create_dagruns_for_dags(guard, session)
        events = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id))
        waiting = session.scalars(select(DagRun).where(DagRun.dag_id == "send_the_riskiest_flights"))
        made = {"state": str(run.state), "events": [[event.asset.uri, event.extra] for event in events]}
        found.append({**made, "started": [each.run_type for each in waiting]})
        guard.commit()
with open(sys.argv[3], "w", encoding="utf-8") as file:
    json.dump(found, file)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Of each run its state, the events that it sent, and the runs of the DAG that waits, up to then."""
    folder = tmp_path_factory.mktemp("airflow")
    dags, project = folder / "dags", folder / "project"
    for path, text in {
        dags / "writes.py": WRITES,
        dags / "waits.py": WAITS[0],
        project / "scoring" / "score.py": SCORE,
        project / "spark_jobs" / "marts.py": "",
    }.items():
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "NIGHTSHIFT"))}
    environment |= {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_DIR / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "NIGHTSHIFT_HOME": str(folder / "nightshift"),
        "NIGHTSHIFT_PROJECT_DIR": str(project),
    }
    found = folder / "found.json"
    command = [sys.executable, "-c", SCRIPT, json.dumps(RUNS), str(dags), str(found)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    read: list[dict[str, Any]] = json.loads(found.read_text(encoding="utf-8"))
    return read


def scores_of(date: str, version: int) -> list[Any]:
    extra = {"batch_dates": [date], "versions": [version], "rows": 842}
    return ["nightshift://flight_delays/gold/scores", extra]


def test_a_publication_is_an_event_that_names_its_dates_version_and_rows(made: list[dict[str, Any]]) -> None:
    assert [(run["state"], run["events"]) for run in made] == [
        ("success", [scores_of("2013-10-01", 7)]),
        ("success", []),
        ("failed", []),
        ("success", []),
        ("success", [scores_of("2013-10-05", 8)]),
    ]


def test_a_dag_that_waits_for_a_table_starts_with_each_publication(made: list[dict[str, Any]]) -> None:
    assert [len(run["started"]) for run in made] == [1, 1, 1, 1, 2]
    assert set(made[-1]["started"]) == {"asset_triggered"}
