"""Turns between processes: one at a time, free when who has it is gone, lost with its connection."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from nightshift import ledger
from nightshift.errors import BusyError, DatabaseUnreachableError
from nightshift.ledger.advisory_locks import Lock, refuse_lost, turn, turn_if_free
from tests.nightshift.cut_connections import cut_the_locks

NAME = "writing silver/shop/orders"
TAKES = f"""
import sys
from nightshift.ledger.advisory_locks import turn
with turn("{NAME}"):
    print("taken", flush=True)
    sys.stdin.read()
"""
HOLDERS = "SELECT count(*), count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"


@pytest.fixture
def other(home):
    """Another process that has the turn until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", TAKES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "taken\n"
    yield process
    process.kill()
    process.wait()


def holders() -> tuple[int, int]:
    """How many locks there are, and on how many connections."""
    with ledger.engine().connect() as connection:
        return tuple(connection.execute(sa.text(HOLDERS)).one())


def test_who_waits_in_vain_is_told_who_has_the_turn_and_what_was_not_done(other):
    said = rf"^another process has been {NAME} for more than 1 s \(process {other.pid} on .+\): nothing was published"
    with pytest.raises(BusyError, match=said), turn(NAME, 1, undone="nothing was published"):
        pytest.fail("it is not free")
    with turn_if_free(NAME) as is_free, turn_if_free("writing another table") as another_is_free:
        assert (is_free, another_is_free) == (False, True)


def test_who_waits_says_for_whom_and_has_the_turn_once_it_is_free(other, caplog):
    class EndsTheOther(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            other.stdin.close()

    caplog.set_level(logging.INFO, "nightshift")
    ends = EndsTheOther()
    logging.getLogger("nightshift").addHandler(ends)
    try:
        with turn(NAME, silent_seconds=0.1):
            assert other.wait() == 0
    finally:
        logging.getLogger("nightshift").removeHandler(ends)
    assert f"waiting for another process that is {NAME} (process {other.pid} on " in caplog.text


def test_a_killed_process_holds_up_nobody(other):
    other.kill()
    with turn(NAME, 30):
        pass


def test_threads_of_a_process_take_turns_as_well(home):
    inside, seen = [], []

    def work(number: int) -> None:
        with turn(NAME):
            inside.append(number)
            seen.append(len(inside))
            time.sleep(0.02)
            inside.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
    assert seen == [1] * 8


def test_all_locks_of_a_process_are_on_one_connection(home):
    with contextlib.ExitStack() as turns:
        for number in range(40):
            turns.enter_context(turn(f"writing table {number}"))
        assert holders() == (40, 1)
    assert holders() == (0, 0)


def test_what_was_lost_with_its_connection_is_known_and_can_be_taken_again(home):
    with turn(NAME), turn("landing shop"):
        refuse_lost()
        cut_the_locks()
        with pytest.raises(DatabaseUnreachableError, match=f"was lost while {NAME}, .* nothing more was written"):
            refuse_lost()
        with turn_if_free(NAME) as is_free:
            assert is_free, "another process may have it by now"
    with turn(NAME):
        refuse_lost()


def test_a_lock_that_is_taken_again_does_not_bring_back_what_was_lost_beside_it(home):
    alive, other = Lock("attempting 1"), Lock("attempting 2")
    assert alive.take() and other.take()
    cut_the_locks()
    assert alive.take()
    assert (alive.is_held(), other.is_held()) == (True, False)
    other.leave()
    assert alive.is_held()
    alive.leave()
    assert holders() == (0, 0)
