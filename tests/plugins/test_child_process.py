"""A job never outlives its task, whoever is killed and however.

Each test plays the task in a process of its own: `Child` adopts orphans, which a test runner must not do.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

TASK = """
import os, sys
from pathlib import Path
from nightshift_airflow.child_process import Child
child = Child([sys.executable, "-u", "-c", sys.argv[1]], Path.cwd(), os.environ)
print("task", os.getpid(), flush=True)
for line in child.lines():
    print(line, flush=True)
print("status", child.wait(), flush=True)
"""
SUPERVISOR = """
import subprocess, sys
subprocess.run([sys.executable, "-c", *sys.argv[1:]])
"""
# A job that starts a process which ignores SIGTERM and has left the session. Both write a line at once: `print` of an
# unbuffered Python writes its parts one by one, between which the other's may come.
STUBBORN_TREE = """
import os, subprocess, sys, time
stubborn = "import os, time, signal as s; s.signal(15, s.SIG_IGN); os.write(1, b'grandchild %d\\\\n' % os.getpid());"
subprocess.Popen([sys.executable, "-c", stubborn + "time.sleep(600)"], start_new_session=True)
os.write(1, b"job %d\\n" % os.getpid())
time.sleep(1.5)
"""
SLEEPS = "import time; time.sleep(600)"


class Played:
    """A running process whose output says who is who: lines like `job 4711`."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", *command], stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []

    def until(self, *names: str) -> dict[str, psutil.Process]:
        """Read on until each of these has said its process id; one that is gone by then is left out."""
        found: dict[str, psutil.Process] = {}
        awaited = set(names)
        assert self.process.stdout is not None
        while awaited:
            line = self.process.stdout.readline()
            assert line, f"ended before {names}: {self.lines}"
            self.lines.append(line.strip())
            name, _, value = line.partition(" ")
            if name in awaited:
                awaited.remove(name)
                with contextlib.suppress(psutil.NoSuchProcess):
                    found[name] = psutil.Process(int(value))
        return found

    def rest(self) -> list[str]:
        """All that is said until the end."""
        assert self.process.stdout is not None
        self.lines += [line.strip() for line in self.process.stdout]
        self.process.wait(30)
        return self.lines


@pytest.fixture
def play() -> Iterator[type[Played]]:
    before = set(psutil.pids())
    yield Played
    for process in psutil.Process().children(recursive=True):
        if process.pid not in before:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def assert_gone(*processes: psutil.Process, within_seconds: float = 8) -> None:
    _, alive = psutil.wait_procs([p for p in processes if p.is_running()], timeout=within_seconds)
    left = [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert left == []


def test_output_comes_line_by_line_while_the_job_runs(play: type[Played]) -> None:
    job = "import time; print('first', flush=True); time.sleep(3); print('second')"
    started = time.monotonic()
    played = play(TASK, job)
    assert played.process.stdout is not None
    while played.process.stdout.readline().strip() != "first":
        pass
    first_after = time.monotonic() - started
    assert played.rest()[-2:] == ["second", "status 0"]
    assert time.monotonic() - started > first_after + 2


@pytest.mark.parametrize(
    ("job", "status"), [("raise SystemExit(65)", "65"), ("import os; os.kill(os.getpid(), 9)", "-9")]
)
def test_the_exit_status_is_the_jobs(play: type[Played], job: str, status: str) -> None:
    assert play(TASK, job).rest()[-1] == f"status {status}"


def test_output_that_is_no_text_does_not_end_the_task(play: type[Played]) -> None:
    said = play(TASK, "import os; os.write(1, b'caf\\xe9\\n')").rest()
    assert said[-2:] == ["caf\N{REPLACEMENT CHARACTER}", "status 0"]


def test_what_a_job_leaves_behind_is_ended(play: type[Played]) -> None:
    played = play(TASK, STUBBORN_TREE)
    left_behind = played.until("grandchild")["grandchild"]
    # The grandchild holds the job's output open: without a watch the task would wait for it for ever.
    assert played.rest()[-1] == "status 0"
    assert_gone(left_behind)


def test_ending_a_child_ends_its_whole_tree(play: type[Played]) -> None:
    ends_when_told = TASK.replace(
        "print(line, flush=True)", "print(line, flush=True)\n    line.startswith('grandchild') and child.end(1.0)"
    )
    assert ends_when_told != TASK
    played = play(ends_when_told, STUBBORN_TREE + SLEEPS)
    tree = played.until("grandchild", "job")
    assert played.rest()[-1] == "status -15"
    assert_gone(*tree.values())


def test_a_job_that_was_ended_is_no_success_even_if_it_says_so(play: type[Played]) -> None:
    task = TASK.replace("print(line, flush=True)", "child.end()")
    job = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); print('ready', flush=True);" + SLEEPS
    assert play(task, job).rest()[-1] == "status -15"


def test_a_killed_task_takes_its_job_along(play: type[Played]) -> None:
    played = play(TASK, "import os; print('job', os.getpid());" + SLEEPS)
    found = played.until("task", "job")
    found["task"].kill()
    assert_gone(found["job"])


def test_a_task_whose_supervisor_was_killed_ends_its_job(play: type[Played]) -> None:
    played = play(SUPERVISOR, TASK, "import os; print('job', os.getpid());" + SLEEPS)
    job = played.until("job")["job"]
    played.process.kill()
    assert_gone(job)


def test_a_killed_task_takes_the_jvm_of_its_job_along(play: type[Played]) -> None:
    job = """
        import os
        from pyspark.java_gateway import launch_gateway
        gateway = launch_gateway()
        print("job", os.getpid())
        print("jvm", gateway.jvm.java.lang.ProcessHandle.current().pid())
        gateway.jvm.java.lang.Thread.sleep(600_000)
    """
    played = play(TASK, textwrap.dedent(job))
    found = played.until("task", "job", "jvm")
    assert "java" in found["jvm"].name()
    os.kill(found["task"].pid, signal.SIGKILL)
    assert_gone(found["job"], found["jvm"])


def test_a_child_sees_the_folder_and_environment_that_it_was_given(tmp_path: Path) -> None:
    task = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from nightshift_airflow.child_process import Child
        job = "import os; print(os.getcwd(), sorted(set(os.environ) - {'LC_CTYPE'}))"
        child = Child([sys.executable, "-c", job], Path(sys.argv[1]), {"ONLY": "this"})
        print(*child.lines())
        """
    )
    done = subprocess.run([sys.executable, "-c", task, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{tmp_path} ['ONLY']"
