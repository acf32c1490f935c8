"""Every process of this project begins with a clean environment, whatever it was started in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nightshift import ledger
from nightshift.home.settings import PROJECT_DIR, Settings
from nightshift.home.variables import known_variables
from tests.hostile import HOSTILE, hostile_home

SHOWS = """
import os

from nightshift.home.variables import entry
entry.start()
import json, subprocess, sys, time
child = subprocess.run(["env", "-0"], capture_output=True).stdout.decode().split("\\0")
print(json.dumps({
    "argv": sys.argv, "child": sorted(line.partition("=")[0] for line in child if line), "pid": os.getpid(),
    "environment": dict(os.environ), "zone": time.tzname, "letters": sys.getfilesystemencoding(),
    "optimize": sys.flags.optimize, "path": sys.path, "left_out": entry.left_out(),
}))
"""


def shown(environment: dict[str, str], *arguments: str) -> dict:
    done = subprocess.Popen(
        [sys.executable, "-c", SHOWS, *arguments], env=environment, stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR
    )
    out, _ = done.communicate(timeout=60)
    return {**json.loads(out), "is the same process": json.loads(out)["pid"] == done.pid}


def test_a_start_among_hostile_variables_is_one_without_them() -> None:
    basic = {"PATH": os.environ["PATH"], "NIGHTSHIFT_HOME": "/there"}
    clean, hostile = shown(basic, "an argument"), shown(basic | HOSTILE, "an argument")
    kept = {"HTTP_PROXY", "https_proxy", "JAVA_HOME"}
    assert set(hostile["environment"]) - set(clean["environment"]) == kept
    assert set(hostile["child"]) == set(hostile["environment"])
    assert hostile["argv"] == ["-c", "an argument"]
    assert hostile["is the same process"], "a supervisor waits for the process that it started"
    for name in ("zone", "letters", "optimize", "path"):
        assert hostile[name] == clean[name], name
    assert clean["left_out"] == []
    assert set(hostile["left_out"]) == HOSTILE.keys() - kept


def test_the_list_of_what_was_left_out_cannot_keep_anything() -> None:
    found = shown(
        {"PATH": os.environ["PATH"], "PGHOST": "x", "PYTHONOPTIMIZE": "2", known_variables.LEFT_OUT: "forged"}
    )
    assert not {"PGHOST", "PYTHONOPTIMIZE", known_variables.LEFT_OUT} & found["environment"].keys()
    assert found["optimize"] == 0


def test_a_misspelt_setting_is_named_with_the_likely_spelling() -> None:
    given = {"NIGHTSHIFT_HOEM": "/x", "nightshift_home": "/x", "NIGTSHIFT_HOME": "/x", "NIGHTSHIFT_OTHER": "x"}
    done = subprocess.run(
        [sys.executable, "-m", "nightshift", "--help"],
        env={"PATH": os.environ["PATH"], "PYTHONOPTIMIZE": "2", "MIDNIGHT": "x", **given},
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT_DIR,
    )
    assert sorted(done.stderr.splitlines()) == [
        "nightshift: NIGHTSHIFT_HOEM means nothing and is ignored: write NIGHTSHIFT_HOME",
        "nightshift: NIGHTSHIFT_OTHER means nothing and is ignored: docs/reference/environment.md lists the names",
        "nightshift: NIGTSHIFT_HOME means nothing and is ignored: write NIGHTSHIFT_HOME",
        "nightshift: nightshift_home means nothing and is ignored: write NIGHTSHIFT_HOME",
    ]


def test_doctor_lists_what_it_ignored_and_how_to_say_it_on_purpose(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "NIGHTSHIFT_HOME": str(tmp_path / "home"), "NIGHTSHIFT_HOEM": "/x"}
    done = subprocess.run(
        [sys.executable, "-m", "nightshift", "doctor", "--json"],
        env=environment | HOSTILE,
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_DIR,
    )
    told = [each for each in json.loads(done.stdout) if each["check"] == "environment"]
    by_owner = {re.search(r"\((.+)\)", each["found"])[1]: each for each in told if "(" in each["found"]}
    assert by_owner["PostgreSQL"]["found"].startswith("ignored: PGCHANNELBINDING, PGCLIENTENCODING, PGDATABASE")
    assert "NIGHTSHIFT_DATABASE_URL" in by_owner["PostgreSQL"]["remedy"]
    assert "NIGHTSHIFT_SPARK_CONF" in by_owner["Spark and Hadoop"]["remedy"]
    assert "not told" not in done.stdout, "names alone: a value may be a secret"
    assert {"check": "environment", "result": "warn"}.items() <= told[0].items()
    assert told[0]["remedy"] == "write NIGHTSHIFT_HOME"
    named = {name for each in told for name in re.findall(r"[\w_]+", each["found"].partition(":")[2].partition("(")[0])}
    assert named == HOSTILE.keys() - {"HTTP_PROXY", "https_proxy", "JAVA_HOME"}
    assert not (tmp_path / "home").exists()


def test_the_recorded_version_is_that_of_the_checkout_whatever_git_is_told(tmp_path: Path) -> None:
    shows = "from nightshift.home.variables import entry; entry.start(); from nightshift import ledger; "
    shows += "print(ledger.code_version())"
    environment = {"PATH": os.environ["PATH"], "HOME": str(hostile_home(tmp_path))} | HOSTILE
    command = [sys.executable, "-c", shows]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=PROJECT_DIR)
    assert done.stdout.strip() == ledger.code_version() != "unknown"


def test_the_table_knows_all_settings() -> None:
    assert {name.upper() for name in Settings.model_fields} == {*known_variables.SETTING_VARIABLES}


def test_importing_jobs_changes_no_environment() -> None:
    code = "import os; was = dict(os.environ); import spark_jobs.land; assert was == dict(os.environ)"
    environment = {"PATH": os.environ["PATH"], "DBT_EMPTY": "1", "TZ": "Asia/Tokyo", "NIGHTSHIFT_HOME": "/there"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, cwd=PROJECT_DIR)


def _programs() -> list[Path]:
    rooms = ("nightshift", "spark_jobs", "training", "scoring", "plugins", "benchmarks", "docs")
    files = [file for room in rooms for file in sorted((PROJECT_DIR / room).rglob("*.py"))]
    # Some run before anything is installed, and import nothing else; the others are started clean, by
    # `nightshift setup` and by what starts services, which need Airflow's variables.
    apart = {"bootstrap.py", "secret_files.py", "jvm_class_archive_run.py", "run_service.py", "audit_pages.py"}
    apart |= {"pools.py", "users.py"}
    programs = [file for file in files if '__name__ == "__main__"' in file.read_text()]
    return [file for file in programs if file.name not in apart and file.parent.name != "compose"]


@pytest.mark.parametrize("file", _programs(), ids=lambda file: str(file.relative_to(PROJECT_DIR)))
def test_every_program_starts_clean_before_it_imports_a_library(file: Path) -> None:
    code = file.read_text(encoding="utf-8")
    start = code.index("entry.start()")
    before = set(re.findall(r"^\s*(?:from|import) ([\w.]+)", code[:start], re.MULTILINE))
    assert before <= {"__future__", "nightshift.home.variables"}
