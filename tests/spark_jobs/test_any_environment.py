"""The machine does not matter: each job, among sixty hostile variables, publishes what it publishes without them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from pathlib import Path

import deltalake
import pytest
import yaml

from nightshift.settings import PROJECT_DIR
from nightshift.variables.cleaning import cleaned
from nightshift.variables.table import OWN
from tests.end_to_end.station import HISTORY, NIGHT, SMALL, hash_of_rows
from tests.hostile import HOSTILE, hostile_home

WEEKS, NIGHTS = f"{HISTORY[0]}..{HISTORY[1]}", f"{HISTORY[0]}..{NIGHT}"
JOBS = (
    ("spark_jobs.land", "--dates", NIGHTS),
    ("spark_jobs.refine", "--dates", NIGHTS),
    ("spark_jobs.build", "--layer", "features", "--dates", NIGHTS),
    ("training.train", "--dates", WEEKS, *(f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items())),
    ("scoring.score", "--dates", NIGHT),
    ("spark_jobs.build", "--layer", "marts", "--dates", NIGHT),
)
# When it was scored is no value of a score.
APART = {"scored_at"}


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_each_job_publishes_the_same_rows_among_hostile_variables(tmp_path: Path) -> None:
    use_cases = shutil.copytree(PROJECT_DIR / "use_cases", tmp_path / "use_cases")
    declaration = use_cases / "flight_delays" / "use_case.yaml"
    declared = yaml.safe_load(declaration.read_text(encoding="utf-8"))
    declared["dates"]["first"] = dt.date.fromisoformat(HISTORY[0])
    declaration.write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")
    plain = _published(tmp_path / "plain", use_cases, {})
    hostile = _published(
        tmp_path / "it's hostile", use_cases, HOSTILE | {"HOME": str(hostile_home(tmp_path / "person"))}
    )
    assert hostile == plain
    assert {"bronze/flight_delays/schedule", "gold/flight_delays/features", "gold/flight_delays/scores"} <= plain.keys()


def _published(home: Path, use_cases: Path, variables: dict[str, str]) -> dict[str, str]:
    """Run all jobs; digest by table."""
    basic = {name: value for name, value in cleaned(os.environ).items() if not name.startswith(OWN)}
    basic |= {"NIGHTSHIFT_HOME": str(home), "NIGHTSHIFT_USE_CASES_DIR": str(use_cases)}
    try:
        _run(basic, "nightshift", "deliver-sample", "flight_delays", "--dates", NIGHTS, "--quiet")
        for module, *options in JOBS:
            _run(basic | variables, module, "--use-case", "flight_delays", *options)
    finally:
        _run(basic, "nightshift", "down")
    lake = home / "lake"
    return {str(path.parent.relative_to(lake)): _digest(path.parent) for path in sorted(lake.rglob("_delta_log"))}


def _digest(path: Path) -> str:
    rows = deltalake.DeltaTable(str(path)).to_pyarrow_table()
    return hash_of_rows(rows.drop_columns(sorted(APART & set(rows.column_names))))


def _run(environment: dict[str, str], module: str, *options: str) -> None:
    command = [sys.executable, "-m", module, *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=PROJECT_DIR)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
