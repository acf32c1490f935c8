"""Kill -9 of whole landing processes: readers see old or new slices whole, and the next run lands all of it, once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable

from nightshift import ledger
from nightshift.dates import BatchDates
from nightshift.home.settings import Settings, get_settings
from nightshift.ledger.ledger_tables import EntryRow
from nightshift.ledger.open_stages import open_attempts
from nightshift.ledger.row_accounting import balances
from tests.shop import DAY, NEXT, Shop, order

DATES = BatchDates(DAY, NEXT)
SOURCES = ("bronze.customers", "bronze.orders")
TABLES = ("bronze.quarantine", *SOURCES)
PEOPLE, ORDERS = 30, 40
SEED = 20240102
LOOK_SECONDS = 0.001
END_SECONDS = 30


@dataclass(frozen=True)
class Point:
    """A moment of a landing, by the files that come into being.

    Attributes:
        pattern: of files below the home; ``{shop}`` stands for the use case.
        most: the kill comes with one of the first so many of them, drawn by the seed.
        new: how many sources readers surely see renewed by then.
        old: how many they surely see as they were.
    """

    name: str
    pattern: str
    most: int
    new: int = 0
    old: int = 0


POINTS = (
    Point("files are archived", "archive/{shop}/*/*", 4, old=2),
    Point("stages are audited", "lake/bronze/{shop}/[co]*/attempt-id=*/_SUCCESS", 2, old=2),
    Point("a source is being written", "lake/bronze/{shop}/[co]*/attempt-id=*/batch_date=*/*.parquet", 4, old=2),
    Point("sources are committed", "lake/bronze/{shop}/[co]*/_delta_log/*.json", 2, new=1),
)


@pytest.fixture
def shop(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    yield Shop(tmp_path, monkeypatch)
    get_settings.cache_clear()


def deliver(shop: Shop, edition: str) -> None:
    """Both dates again, with a customer and an order each that are quarantined."""
    for date in DATES:
        people = [f"{edition}{number}@{date}.org,Ada {edition},1,Turin,36" for number in range(PEOPLE)]
        orders = [order(number, f"{edition}@{date}.org", amount=float(number)) for number in range(ORDERS)]
        shop.deliver([*people, f"{edition}@{date}.org,Ada,1,Atlantis,36"], [*orders, order(ORDERS, amount=-1.0)], date)


def visible(shop: Shop) -> dict[str, list[str]]:
    """What a reader sees of each table, by delta-rs."""
    tables = {name: DeltaTable(shop.catalog[name].location.path) for name in TABLES}
    return {name: sorted(map(repr, table.to_pyarrow_table().to_pylist())) for name, table in tables.items()}


def found(pattern: str) -> set[tuple[Path, int]]:
    """Files by path and inode, so that one that is written again is another one."""
    files = set()
    for path in get_settings().home.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            files.add((path, path.stat().st_ino))
    return files


def kill_while_landing(shop: Shop, point: Point, nth: int) -> None:
    """Run the job as a process of its own, and end it with the n-th new file; its JVM must go with it."""
    pattern = point.pattern.format(shop=shop.name)
    before = found(pattern)
    # The folder for Spark's own files is this process's.
    environment = {name: value for name, value in os.environ.items() if name != "SPARK_LOCAL_DIRS"}
    command = [sys.executable, "-m", "spark_jobs.land", "--use-case", shop.name, "--dates", str(DATES)]
    said = get_settings().home / "land.log"
    with (
        said.open("w") as log,
        subprocess.Popen([*command, "--run-id", run_id(point)], env=environment, stdout=log, stderr=log) as process,
    ):
        jvms: list[psutil.Process] = []
        while len(found(pattern) - before) < nth and process.poll() is None:
            jvms = jvms or jvms_of(process.pid)
            time.sleep(LOOK_SECONDS)
        process.kill()
    assert process.returncode == -signal.SIGKILL, f"ended before {point.name}: {said.read_text()}"
    assert jvms, "there was no JVM that could outlive it"
    _, alive = psutil.wait_procs(jvms, timeout=END_SECONDS)
    assert alive == [], f"the JVM outlived the process that was killed when {point.name}"


def jvms_of(process: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child for child in psutil.Process(process).children(recursive=True) if child.name() == "java"]
    return []


def run_id(point: Point) -> str:
    return f"killed-when-{point.name.replace(' ', '-')}"


def entries(shop: Shop, *asked: sa.ColumnElement[bool]) -> list[EntryRow]:
    with sa.orm.Session(ledger.engine()) as session:
        mine = (EntryRow.use_case == shop.name, EntryRow.table_name.in_(TABLES))
        return list(session.scalars(sa.select(EntryRow).where(*mine, *asked)))


@pytest.mark.long
def test_a_landing_that_is_killed_leaves_slices_whole_and_the_next_run_lands_everything_once(spark, shop: Shop) -> None:
    editions = {}
    for edition in ("a", "b"):
        deliver(shop, edition)
        shop.land(DATES)
        editions[edition] = visible(shop)
    counts = {"bronze.customers": PEOPLE, "bronze.orders": ORDERS, "bronze.quarantine": 2}
    for undisturbed in editions.values():
        assert {name: len(set(rows)) for name, rows in undisturbed.items()} == {
            name: count * len(DATES) for name, count in counts.items()
        }

    draw = random.Random(SEED)
    for number, point in enumerate(POINTS):
        new, old = ("a", "b") if number % 2 == 0 else ("b", "a")
        deliver(shop, new)
        kill_while_landing(shop, point, draw.randint(1, point.most))

        seen = visible(shop)
        for name, rows in seen.items():
            assert rows in (editions[old][name], editions[new][name]), f"{name} is torn when {point.name}"
        renewed = {name for name in TABLES if seen[name] == editions[new][name]}
        assert point.new <= len(renewed & set(SOURCES)) <= len(SOURCES) - point.old, point.name

        shop.land(DATES)
        assert visible(shop) == editions[new], f"not what an undisturbed run publishes, after: {point.name}"
        killed = entries(shop, EntryRow.run_id == run_id(point))
        assert {(each.table_name, each.status == "published") for each in killed} <= {
            (name, name in renewed) for name in TABLES
        }
        assert {each.table_name for each in killed if each.status == "published"} == renewed
        assert not entries(shop, EntryRow.status == "running")
        newest = [each for date in DATES for each in ledger.latest(shop.name, date) if each.table_name in TABLES]
        assert {(each.status, balances(each), each.run_id) for each in newest} == {("published", True, "test")}
        assert [each.rows_published for each in newest if each.table_name == "bronze.orders"] == [ORDERS] * len(DATES)
    assert [name for name in TABLES if open_attempts(shop.name, name)] == []
