"""`make compose-smoke`: the demo on servers that are killed under it, and its state to the embedded form and back.

It has a composition of its own, beside whatever runs here, and removes it at the end. What the demo said, the table and
the digests of all slices stay in `.nightshift-smoke/`.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from nightshift.install.compose import composition
from nightshift.install.compose.docker import COMPOSE, PORTS, PROJECT, ask, fail, project
from nightshift.install.compose.example import EXAMPLE
from nightshift.install.compose.exposure import closed
from nightshift.install.compose.faults import FaultOutcome, planned, play
from nightshift.install.compose.smoke_api import Airflow

SMOKE_FOLDER = PROJECT / ".nightshift-smoke"
NIGHTSHIFT, PYTHON_HERE = (PROJECT / ".venv" / "bin" / name for name in ("nightshift", "python"))
NIGHTS = ("2013-08-01", "2013-08-02", "2013-08-03")
TRAINING = "demo__2013-05-01"
# A demo that ended at a fault is called again, once for each.
CALLS = 5
DEMO_SECONDS = 3600
START_SECONDS, MOST_GIGABYTES = 180, 6
_FINGERPRINT: tuple[str, ...] = ("fingerprint",)
_TOLD = (_FINGERPRINT, ("models", "history", "--use-case", EXAMPLE))
_REPLAY = ("replay", "--use-case", EXAMPLE, "--date", NIGHTS[0])
# A night, as the DAG has it.
_JOBS = (
    "spark_jobs.land",
    "spark_jobs.refine",
    "spark_jobs.features",
    "scoring.score",
    "spark_jobs.marts",
)


def smoke(engine: Mapping[str, Any]) -> None:
    """The demo's nights while services are killed under them, then all state to the embedded form and back."""
    if not NIGHTSHIFT.exists():
        fail("the embedded form is not installed", "`make setup` first: the state is carried there and back")
    _take_a_composition_of_its_own()
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {line}", flush=True)

    rows: list[tuple[str, ...]] = []
    try:
        is_well = _played(engine, say, rows)
    finally:
        composition.clean()
        if (SMOKE_FOLDER / "home").is_dir():
            _embedded(SMOKE_FOLDER / "home", NIGHTSHIFT, "clean", "--yes", check=False)
        for backup in SMOKE_FOLDER.glob("*.tar*"):
            backup.unlink()
        (SMOKE_FOLDER / "report.txt").write_text("\n".join("\t".join(row) for row in rows) + "\n", encoding="utf-8")
        _print(rows)
    print(f"\n{(time.monotonic() - began) / 60:.1f} minutes in all; {'all well' if is_well else 'NOT ALL WELL'}")
    sys.exit(0 if is_well else 1)


def _take_a_composition_of_its_own() -> None:
    os.environ["COMPOSE_PROJECT_NAME"] = f"{project()}-smoke"
    # One job runs at a time: it may have the whole worker, in one executor, which starts once and spills less.
    os.environ["NIGHTSHIFT_SPARK_CORES"] = os.environ["NIGHTSHIFT_SPARK_EXECUTOR_CORES"] = "2"
    os.environ["NIGHTSHIFT_SPARK_EXECUTOR_MEMORY"] = "2g"
    for name in PORTS:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            os.environ[name] = str(probe.getsockname()[1])
    composition.clean()
    if (SMOKE_FOLDER / "home").is_dir():
        _embedded(SMOKE_FOLDER / "home", NIGHTSHIFT, "clean", "--yes", check=False)
    shutil.rmtree(SMOKE_FOLDER, ignore_errors=True)
    SMOKE_FOLDER.mkdir(mode=0o700)


def _played(engine: Mapping[str, Any], say: Callable[[str], None], rows: list[tuple[str, ...]]) -> bool:
    started = time.monotonic()
    composition.up(engine)
    seconds, memory = time.monotonic() - started, _memory()
    limits = f"at most {START_SECONDS} s and {MOST_GIGABYTES} GB"
    rows.append(("all services healthy", f"{seconds:.0f} s", f"{memory:.1f} GB", limits))
    outcomes = _demo_under_faults(say)
    rows += [outcome.row() for outcome in outcomes]
    memory = max(memory, _memory())
    rows.append(("memory after the demo", "", f"{memory:.1f} GB", ""))
    doors = closed()
    rows.append(("doors, secrets in what is told", "", "", "; ".join(doors) or "closed, none"))
    checks = [seconds <= START_SECONDS, memory <= MOST_GIGABYTES, not doors, *(outcome.is_well for outcome in outcomes)]
    checks += [_audited(rows)]
    checks += [_both_ways(engine, say, rows)]
    return all(checks)


def _demo_under_faults(say: Callable[[str], None]) -> list[FaultOutcome]:
    """The demo in a process of its own, and the faults one after the other."""
    ended = threading.Event()
    calls: list[int] = []

    def demo() -> None:
        with (SMOKE_FOLDER / "demo.log").open("wb") as log:
            while len(calls) < CALLS and 0 not in calls:
                command = [*COMPOSE, "run", "--rm", "-T", "cli", "demo", "--no-challenger", EXAMPLE]
                calls.append(subprocess.run(command, cwd=PROJECT, stdout=log, stderr=log, check=False).returncode)
        ended.set()

    say(f"the demo begins; {SMOKE_FOLDER.name}/demo.log has what it says")
    thread = threading.Thread(target=demo, daemon=True)
    thread.start()
    airflow = Airflow()
    # Each call after the first one clears what had failed.
    played = planned(TRAINING, NIGHTS)
    outcomes = [play(fault, airflow, say, ended.is_set, lambda: len(calls)) for fault in played]
    thread.join(DEMO_SECONDS)
    if not ended.is_set():
        fail(f"the demo has not ended after {DEMO_SECONDS // 60} minutes", f"see {SMOKE_FOLDER.name}/demo.log")
    said = f"called {len(calls)} times" if len(calls) > 1 else "called once"
    outcomes.append(FaultOutcome("demo", 0, 0, calls[-1] == 0, f"{said}, ended with {calls[-1]}"))
    return outcomes


def _audited(rows: list[tuple[str, ...]]) -> bool:
    """Whether each table of the nights has its audit's page, and its rows balance."""
    entries = [
        entry
        for date in NIGHTS
        for entry in json.loads(_in_container("status", "--use-case", EXAMPLE, "--date", date, "--json") or "[]")
    ]
    tables = [entry for entry in entries if "." in entry["table"]]
    wrong = [
        f"{entry['table']} of {entry['batch_date']}"
        for entry in tables
        if entry["status"] != "published" or not entry["audit_page"] or not entry["balances"]
    ]
    said = "; ".join(wrong) or f"{len(tables)} slices published, each with its audit and in balance"
    rows.append(("audits and accounts of the nights", "", "", said))
    return bool(tables) and not wrong


def _both_ways(engine: Mapping[str, Any], say: Callable[[str], None], rows: list[tuple[str, ...]]) -> bool:
    """All state to the embedded form, its nights again there, and back to new volumes: the same rows and history."""
    before = {what: _in_container(*what) for what in _TOLD}
    (SMOKE_FOLDER / "fingerprint").write_text(before[_FINGERPRINT], encoding="utf-8")
    say("state to the embedded form")
    composition.down()
    there = SMOKE_FOLDER / "servers.tar"
    composition.backup(there)
    home = SMOKE_FOLDER / "home"
    _embedded(home, NIGHTSHIFT, "restore", there)
    equal = [_carried(rows, "to the embedded form", before, lambda *command: _embedded(home, NIGHTSHIFT, *command))]
    say("the three nights again, there and without a fault")
    for job in _JOBS:
        _embedded(home, PYTHON_HERE, "-m", job, "--use-case", EXAMPLE, "--dates", f"{NIGHTS[0]}..{NIGHTS[-1]}")
    again = _embedded(home, NIGHTSHIFT, *_FINGERPRINT)
    equal.append(again == before[_FINGERPRINT])
    same = "each the same" if equal[-1] else "NOT the same"
    rows.append(("nights made again without faults", "", "", f"{len(again.splitlines())} slices, {same}"))
    say("and back, to new volumes")
    back = SMOKE_FOLDER / "embedded.tar"
    _embedded(home, NIGHTSHIFT, "down")
    _embedded(home, NIGHTSHIFT, "backup", back)
    composition.clean()
    composition.restore(back, engine)
    composition.up(engine)
    equal.append(_carried(rows, "and back", before, _in_container))
    return all(equal)


def _carried(
    rows: list[tuple[str, ...]], what: str, before: Mapping[tuple[str, ...], str], ask_it: Callable[..., str]
) -> bool:
    """Whether a form tells what the other one told, and replays a night's scores."""
    equal = {" ".join(command[:2]): bool(told) and ask_it(*command) == told for command, told in before.items()}
    replayed = ask_it(*_REPLAY)
    said = ", ".join(f"{name} {'equal' if same else 'NOT equal'}" for name, same in equal.items())
    rows.append((what, "", "", f"{said}; replay: {(replayed.strip().splitlines() or ['failed'])[0]}"))
    return all(equal.values()) and bool(replayed)


def _in_container(*command: str) -> str:
    """What a command of ours prints there; nothing where it fails."""
    done = ask(*COMPOSE, "run", "--rm", "-T", "cli", *command)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    return "" if done.returncode else done.stdout


def _embedded(home: pathlib.Path, *command: object, check: bool = True) -> str:
    """What a program prints in the embedded form; nothing where it fails and may."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSHIFT_")}
    done = subprocess.run(
        [str(part) for part in command],
        env={**variables, "NIGHTSHIFT_HOME": str(home)},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        if check:
            fail(f"{' '.join(map(str, command))} failed in {home}", "the lines above say why")
    return "" if done.returncode else done.stdout


def _memory() -> float:
    """Gigabytes that all containers of this project use now."""
    found = ask(*COMPOSE, "ps", "--quiet").stdout.split()
    told = ask("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *found).stdout.splitlines()
    units = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    used = (line.partition(" /")[0].strip() for line in told)
    return sum(float(each[:-3]) * units.get(each[-3:], 0) for each in used if each[-3:] in units) / 1e9


def _print(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) if rows else 0 for column in range(3)]
    print()
    for row in rows:
        cells = [row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2]), row[3]]
        print("  ".join(cells).rstrip())
