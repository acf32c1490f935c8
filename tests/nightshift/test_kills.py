"""Kill -9 at points all over a publication: no torn state, and the next run heals."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
import sqlalchemy as sa
from deltalake import DeltaTable

from nightshift import ledger
from nightshift.dates import shifted
from nightshift.home.settings import PROJECT_DIR
from nightshift.ledger.ledger_tables import EntryRow
from nightshift.ledger.open_stages import open_attempts
from tests.nightshift.publish_until_killed import DATES, ROWS, TABLE

# Spread evenly over the lines of a publication.
SOME, MANY = 10, 30
FIRST_KILLS = 6


class Publisher:
    """The process that publishes and is killed."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.nightshift.publish_until_killed"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT_DIR,
        )

    def publish(self, size: int, line: int | None = None) -> dict[str, int]:
        self.ask(size, line)
        return self.answer()

    def ask(self, size: int, line: int | None = None, days: int = 0) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"size": size, "days": days, "line": line}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, int]:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def publisher(home):
    made = Publisher()
    yield made
    made.process.kill()
    made.process.wait()


def visible() -> tuple[int, set[int], int]:
    """Version, sizes and number of rows that a reader sees."""
    table = DeltaTable(TABLE.location.path)
    sizes = table.to_pyarrow_table(columns=["size"])["size"].to_pylist()
    return table.version(), set(sizes), len(sizes)


def entries(size: int) -> list[EntryRow]:
    """What the ledger says of the run that published a size."""
    with sa.orm.Session(ledger.engine()) as session:
        asked = sa.select(EntryRow).where(EntryRow.run_id == f"size-{size}").order_by(EntryRow.id)
        return list(session.scalars(asked))


def published_attempts() -> set[str]:
    with ledger.engine().connect() as connection:
        mine = (EntryRow.table_name == TABLE.short_name, EntryRow.status == "published")
        return {str(each) for each in connection.scalars(sa.select(EntryRow.attempt_id).where(*mine))}


class Reader(threading.Thread):
    """Looks at the table all the time, and keeps every state that it ever saw."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[tuple[frozenset[int], int]] = set()
        self.is_done = threading.Event()

    def run(self) -> None:
        while not self.is_done.wait(0.02):
            _, sizes, rows = visible()
            self.seen.add((frozenset(sizes), rows))

    def wait_for(self, size: int) -> None:
        """Until it saw the slices of that size."""
        deadline = time.monotonic() + 60
        while not any(size in sizes for sizes, _ in self.seen.copy()):
            assert time.monotonic() < deadline, "the reader does not see what was published"
            time.sleep(0.01)


@pytest.mark.parametrize("kills", [SOME, pytest.param(MANY, marks=pytest.mark.long)])
def test_kills_leave_no_torn_state_and_the_next_run_heals(publisher, kills):
    publisher.publish(0)  # makes ledger and table, which later ones need not
    lines = publisher.publish(0)["executed"]
    assert lines > 150, "the publication is no longer watched"
    before = visible()
    reader = Reader()
    reader.start()
    killed_after_commit = 0
    for number in range(kills):
        size = 2 * number + 1
        assert publisher.publish(size, line=1 + (2 * number + 1) * lines // (2 * kills))["status"] == -9
        version, sizes, rows = visible()
        assert rows == ROWS * len(DATES), "a kill doubled or lost rows"
        assert sizes in (before[1], {size}), "a reader sees a mixture"
        was_published = sizes == {size}
        assert version == before[0] + was_published
        killed_after_commit += was_published

        assert publisher.publish(size + 1)["status"] == 0
        before = visible()
        assert before[1:] == ({size + 1}, ROWS * len(DATES))
        reader.wait_for(size + 1)
        statuses = {entry.status for entry in entries(size)}
        # Killed before its first entry was written, a run has none.
        assert statuses <= {"published" if was_published else "failed"}
        if was_published:
            assert {(entry.delta_version, entry.rows_published) for entry in entries(size)} == {(version, ROWS)}
        assert {entry.status for entry in entries(size + 1)} == {"published"}
    reader.is_done.set()
    reader.join()
    assert {(len(sizes), rows) for sizes, rows in reader.seen} == {(1, ROWS * len(DATES))}, "a reader saw a torn state"
    assert killed_after_commit >= 1, "no kill fell between the commit and the ledger's last word"
    assert open_attempts(TABLE.use_case, TABLE.short_name) == []
    attempts = {path.name.removeprefix("attempt-id=") for path in TABLE.location.path.glob("attempt-id=*")}
    assert attempts == published_attempts(), "stages of killed runs were left behind"


def test_kills_of_the_very_first_publication(publisher):
    lines = publisher.publish(0)["executed"]  # makes the ledger, too
    shutil.rmtree(TABLE.location.path)
    lines = publisher.publish(0)["executed"]
    for number in range(FIRST_KILLS):
        shutil.rmtree(TABLE.location.path)
        assert publisher.publish(1, line=lines - 1 - number * lines // FIRST_KILLS)["status"] == -9
        if TABLE.exists():
            assert visible() == (0, {1}, ROWS * len(DATES)), "a reader sees a part"
        assert publisher.publish(2)["status"] == 0
        assert visible()[1:] == ({2}, ROWS * len(DATES))


def test_runs_of_the_same_and_of_other_dates_at_once(home):
    publishers = [Publisher() for _ in range(3)]
    try:
        for number, publisher in enumerate(publishers):
            for turn in range(5):
                # The third one is about dates of its own.
                publisher.ask(200 + 10 * number + turn, days=10 * (number // 2))
        answers = [publisher.answer() for publisher in publishers for _ in range(5)]
    finally:
        for publisher in publishers:
            publisher.process.kill()
            publisher.process.wait()
    assert [answer["status"] for answer in answers] == [0] * 15
    rows = DeltaTable(TABLE.location.path).to_pyarrow_table(columns=["batch_date", "size"]).to_pylist()
    assert Counter(row["batch_date"] for row in rows) == dict.fromkeys([*DATES, *shifted(DATES, 10)], ROWS)
    assert {row["size"] for row in rows if row["batch_date"] not in DATES} == {224}
    (visible_size,) = {row["size"] for row in rows if row["batch_date"] in DATES}  # no mixture of two runs
    # Whoever began last is seen, and the ledger says so.
    every = [entry for size in (*range(200, 205), *range(210, 215)) for entry in entries(size)]
    assert {entry.status for entry in every} <= {"published", "overtaken"}
    newest = max((entry for entry in every if entry.status == "published"), key=lambda entry: entry.id)
    assert newest.run_id == f"size-{visible_size}"
    assert newest.delta_version == max(entry.delta_version for entry in every if entry.delta_version is not None)
