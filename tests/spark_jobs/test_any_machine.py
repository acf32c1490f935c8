"""The machine does not matter: each job publishes the same rows among hostile variables, and on a Spark cluster."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import deltalake
import pytest
import yaml

from nightshift.home.settings import PROJECT_DIR
from nightshift.home.variables.cleaning import cleaned
from nightshift.home.variables.known_variables import OWN
from tests import shop
from tests.end_to_end.station import BACKFILLED, HISTORY, NIGHT, SMALL, TO_COME, hash_of_rows
from tests.hostile import HOSTILE, hostile_home
from tests.other_database import PASSWORD, USER, database_of_others
from tests.servers import free_port

WEEKS, NIGHTS = f"{HISTORY[0]}..{HISTORY[1]}", f"{HISTORY[0]}..{NIGHT}"
# The digest of each table, and which version is champion from when on.
Made = tuple[dict[str, str], list[dict[str, Any]]]
FLIGHTS, ORDERS = "flight_delays", "orders_of_others"
DECIDED = ("--who", "ada", "--why", "asked for")
ADA = "ada@example.org"
TRAIN = ("training.train", "--dates", WEEKS, *(f"--{name.replace('_', '-')}={n}" for name, n in SMALL.items()))
PROMOTE = ("training.promote", "--dates", WEEKS, *DECIDED)
JOBS = {
    FLIGHTS: (
        ("spark_jobs.land", "--dates", NIGHTS),
        ("spark_jobs.refine", "--dates", NIGHTS),
        ("spark_jobs.features", "--dates", NIGHTS),
        TRAIN,
        (*PROMOTE, "--version", "1", "--action", "decline"),
        TRAIN,
        (*PROMOTE, "--version", "2"),
        ("scoring.score", "--dates", NIGHT),
        ("spark_jobs.marts", "--dates", NIGHT),
        ("nightshift", "replay", "--date", NIGHT),
        ("nightshift", "models", "promote", "1", "--from", BACKFILLED, *DECIDED),
        ("training.rollback", "--dates", TO_COME, "--version", "2", *DECIDED),
        ("training.show_affected", "--dates", NIGHT),
        ("spark_jobs.describe_features", "--dates", NIGHT),
    ),
    ORDERS: (
        ("spark_jobs.land", "--dates", str(shop.DAY)),
        (
            *("nightshift", "erase", "--table", "bronze.orders", "--column", "email", "--value-from-stdin"),
            *("--who", "eve", "--why", "request 17"),
        ),
    ),
}
TABLES = """
tables:
  - layer: bronze
    name: orders
    description: Orders of the day.
    grain: one row per order
    keys: [id]
    source: {connection: crm, relation: public.orders, date_column: created_at}
    columns:
      - {name: id, type: bigint, required: true, minimum: 1, description: Number of the order.}
      - {name: email, type: string, pii: contact, description: Who ordered.}
      - {name: amount, type: double, description: What it costs.}
      - {name: created_at, type: timestamp, required: true, description: When it was made.}
"""
ROWS = (
    "CREATE TABLE orders (id bigint PRIMARY KEY, email text, amount numeric, created_at timestamptz)",
    f"INSERT INTO orders VALUES (1, '{ADA}', 0.1, '{shop.DAY}T01:02:03.000004Z'), "
    f"(2, 'İnci@example.org', 'NaN', '{shop.DAY}T23:59:59.999999Z'), (3, NULL, 1e300, '{shop.NEXT}T00:00:00Z')",
)


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings of all homes: use cases, a database of another team, one key for their tokens."""
    with database_of_others() as server:
        server.run(*ROWS)
        yield {
            "NIGHTSHIFT_USE_CASES_DIR": str(_use_cases(tmp_path_factory.mktemp("declared") / "use_cases")),
            "NIGHTSHIFT_PII_KEY": "one key for all homes: their tokens are alike",
            "NIGHTSHIFT_JDBC_CRM_URL": server.url,
            "NIGHTSHIFT_JDBC_CRM_USER": USER,
            "NIGHTSHIFT_JDBC_CRM_PASSWORD": PASSWORD,
        }


@pytest.fixture(scope="module")
def plain(common: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What all jobs publish and decide on this machine as it is."""
    made = _made(common | {"NIGHTSHIFT_HOME": str(tmp_path_factory.mktemp("plain") / "home")}, {})
    tables, reigns = made
    gold = {f"gold/{FLIGHTS}/{name}" for name in ("features", "scores", "feature_registry")}
    assert tables.keys() >= {f"bronze/{FLIGHTS}/schedule", f"bronze/{ORDERS}/orders", *gold}
    assert [(reign["version"], reign["first"]) for reign in reigns] == [(2, NIGHT), (1, BACKFILLED), (2, TO_COME)]
    return made


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_each_job_publishes_and_decides_the_same_among_hostile_variables(
    common: dict[str, str], plain: Made, tmp_path: Path
) -> None:
    person = {"HOME": str(hostile_home(tmp_path / "person"))}
    _assert_equal(_made(common | {"NIGHTSHIFT_HOME": str(tmp_path / "it's hostile")}, HOSTILE | person), plain)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_each_job_publishes_and_decides_the_same_on_a_cluster_whose_members_share_a_secret(
    common: dict[str, str], plain: Made, tmp_path: Path
) -> None:
    with _cluster(tmp_path, workers=2) as settings:
        _assert_equal(_made(common | {"NIGHTSHIFT_HOME": str(tmp_path / "home")}, settings), plain)


@contextlib.contextmanager
def _cluster(folder: Path, workers: int) -> Iterator[dict[str, str]]:
    """A master and workers on this machine, as docker-compose.yaml starts them; gives the settings of their drivers."""
    port = free_port()
    settings = {"NIGHTSHIFT_SPARK_MASTER": f"spark://127.0.0.1:{port}", "NIGHTSHIFT_SPARK_SECRET": "known to all of it"}
    environment = cleaned(os.environ) | settings | {"SPARK_LOCAL_DIRS": str(folder / "spill")}
    any_port = ("--webui-port", "0")
    member = ("--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--work-dir", str(folder / "work"), *any_port)
    commands = [("spark-master", "--port", str(port), *any_port), *[("spark-worker", *member)] * workers]
    running = []
    try:
        for service, *options in commands:
            log = (folder / f"{service}-{len(running)}.log").open("w")
            command = [sys.executable, "-m", "nightshift.install.services.container", service, *options]
            running.append(subprocess.Popen(command, env=environment, cwd=PROJECT_DIR, stdout=log, stderr=log))
        # Other numbers than those of one machine: rows and bits depend on none.
        yield settings | {
            "NIGHTSHIFT_SPARK_CONF": "spark.cores.max=2 spark.executor.cores=1 spark.executor.memory=700m "
            "spark.sql.shuffle.partitions=5 spark.default.parallelism=3 spark.driver.host=127.0.0.1"
        }
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


def _assert_equal(made: Made, plain: Made) -> None:
    assert {name for name, digest in plain[0].items() if made[0].get(name) != digest} == set(), "other rows"
    assert made == plain


def _use_cases(folder: Path) -> Path:
    """That of the flights, a few weeks of it, and a small one whose rows stand in a database."""
    shutil.copytree(PROJECT_DIR / "use_cases", folder)
    declaration = folder / FLIGHTS / "use_case.yaml"
    declared = yaml.safe_load(declaration.read_text(encoding="utf-8"))
    declared["dates"]["first"] = dt.date.fromisoformat(HISTORY[0])
    # Of eight dates, as in the station: by flight numbers, for no test here is about a model's skill.
    declared["training"]["independent_unit"] = "flight"
    declared["training"]["approval"] = {"first": "person", "later": "person", "by": ["ada"]}
    declaration.write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")
    (folder / ORDERS).mkdir()
    (folder / ORDERS / "use_case.yaml").write_text(shop.USE_CASE.format(name=ORDERS), encoding="utf-8")
    (folder / ORDERS / "tables.yaml").write_text(TABLES, encoding="utf-8")
    return folder


def _made(own: dict[str, str], variables: dict[str, str]) -> Made:
    """Run all jobs in a new home."""
    basic = {name: value for name, value in cleaned(os.environ).items() if not name.startswith(OWN)} | own
    try:
        _run(basic, "nightshift", "deliver-sample", FLIGHTS, "--dates", NIGHTS, "--quiet")
        for use_case, jobs in JOBS.items():
            for module, *options in jobs:
                _run(basic | variables, module, *options, "--use-case", use_case)
        told = json.loads(_run(basic, "nightshift", "models", "history", "--use-case", FLIGHTS, "--json"))
    finally:
        _run(basic, "nightshift", "down")
    lake = Path(own["NIGHTSHIFT_HOME"]) / "lake"
    tables = {str(path.parent.relative_to(lake)): _digest(path.parent) for path in sorted(lake.rglob("_delta_log"))}
    return tables, [{name: reign[name] for name in ("version", "first", "who", "why")} for reign in told["reigns"]]


def _digest(path: Path) -> str:
    """Of all rows but for the moment at which they were scored, which is no value of a score."""
    rows = deltalake.DeltaTable(str(path)).to_pyarrow_table()
    return hash_of_rows(rows.drop_columns(["scored_at"] if "scored_at" in rows.column_names else []))


def _run(environment: dict[str, str], module: str, *options: str) -> str:
    """Run a command; whoever is asked for a person's value is told Ada's."""
    command = [sys.executable, "-m", module, *options]
    done = subprocess.run(
        command, env=environment, input=f"{ADA}\n", capture_output=True, text=True, check=False, cwd=PROJECT_DIR
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
