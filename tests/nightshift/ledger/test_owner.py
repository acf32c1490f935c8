"""The ledger has one owner: SQL on its tables, and its locks, stand in `nightshift/ledger` alone."""

from __future__ import annotations

import re
from pathlib import Path

from nightshift.home.settings import PROJECT_DIR

ROOMS = ("nightshift", "expectations", "spark_jobs", "training", "scoring", "plugins", "dags", "use_cases")
LEDGER = PROJECT_DIR / "nightshift" / "ledger"
# What speaks to a database that is not the ledger's alone, or to none.
OTHERS = {
    "nightshift/home/variables/database_address.py": "writes addresses",
    "nightshift/install/backup/database_dumps.py": "dumps and restores whole databases",
    "training/report.py": "knows errors of Optuna's database",
    "plugins/nightshift_airflow/run_notes.py": "reads Airflow's database",
    "plugins/nightshift_airflow/stopped_backfill.py": "reads Airflow's database",
}
SQLALCHEMY = re.compile(r"^\s*(import|from) sqlalchemy\b", re.MULTILINE)
INSIDE = re.compile(
    r"nightshift\.ledger\.(schema|ledger_tables)|ledger import [^\n]*\bengine\b|\bledger\.engine\b|pg_\w*advisory"
)


def modules() -> dict[str, str]:
    """Text of each module outside of the ledger's room, by its path."""
    files = [file for room in ROOMS for file in (PROJECT_DIR / room).rglob("*.py") if LEDGER not in file.parents]
    return {Path(file).relative_to(PROJECT_DIR).as_posix(): file.read_text(encoding="utf-8") for file in files}


def test_nobody_else_builds_sql_on_the_ledger():
    assert {name for name, text in modules().items() if SQLALCHEMY.search(text)} == set(OTHERS)


def test_nobody_else_knows_its_tables_its_engine_or_its_locks():
    assert [name for name, text in modules().items() if INSIDE.search(text)] == []


def test_what_is_looked_for_would_be_found():
    """The ledger's own modules are full of it."""
    own = {file.name: file.read_text(encoding="utf-8") for file in LEDGER.glob("*.py")}
    assert SQLALCHEMY.search(own["entries.py"])
    assert all(INSIDE.search(own[name]) for name in ("entries.py", "advisory_locks.py"))
