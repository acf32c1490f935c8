"""A second use case, with another calendar and tables of the same names, dropped in beside one that works already."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.models import champions
from tests.end_to_end.station import HISTORY, NIGHTSHIFT, PATIENCE, USE_CASE, told
from tests.landed import Copy

if TYPE_CHECKING:
    from tests.end_to_end.station import Station

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(3600)]

SECOND = "card_default"
CLIENTS = 600
# DAGs of a folder that appears while the services run are found within minutes.
FOUND = 420


@pytest.fixture
def dropped_in(ingested: Station) -> Iterator[Station]:
    """The monthly use case among the others, with a sample and gates for some hundred clients."""
    folder = Path(os.environ["NIGHTSHIFT_USE_CASES_DIR"])
    shutil.copytree(PROJECT_DIR / "use_cases" / SECOND, folder / SECOND, ignore=shutil.ignore_patterns("__pycache__"))
    copy = Copy(folder / SECOND)
    copy.patch("sample_source.py", "deliver = SampleSource(DATES, _files).deliver\n", "")
    copy.patch("sample_source.py", "deliver_few = SampleSource", "deliver = SampleSource")
    copy.patch("gates.yaml", "auc_lower\n    at_least: 0.87", "auc_lower\n    at_least: 0.7")
    copy.patch("gates.yaml", "calibration_error_share\n    at_most: 0.7", "calibration_error_share\n    at_most: 1")
    for limit in ("smallest_true_positive_ratio\n    at_least: 0.8", "smallest_selection_ratio\n    at_least: 0.55"):
        copy.patch("gates.yaml", limit, f"{limit.partition(':')[0]}: 0.1")
    copy.patch("use_case.yaml", "smallest_slice: 1000", "smallest_slice: 100")
    cleared = "  cleared_features:\n"
    copy.patch(
        "use_case.yaml", cleared, f"{cleared}    pay_status_before: stands on the statement of the month before\n"
    )
    try:
        yield ingested
    finally:
        shutil.rmtree(folder / SECOND)
        get_settings.cache_clear()


def test_both_work_in_one_airflow_and_nothing_is_mixed(dropped_in: Station) -> None:
    station = dropped_in
    before = _fingerprints(USE_CASE)
    assert any(line.startswith(f"silver.{USE_CASE}_outcomes\t") for line in before)
    station.api.wait_for_dag(f"{SECOND}_nightly", FOUND)
    conf = {"first_date": HISTORY[0], "last_date": HISTORY[0], "stages": "ingest"}
    beside = station.api.trigger(f"{USE_CASE}_backfill", None, conf)

    done = subprocess.run(
        [str(NIGHTSHIFT), "demo", SECOND], capture_output=True, text=True, check=False, cwd=PROJECT_DIR, timeout=2400
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "labels come on 2005-10-31" in done.stdout
    station.assert_succeeds(f"{USE_CASE}_backfill", beside, PATIENCE)
    assert _fingerprints(USE_CASE) == before, "what the other did changed nothing here"
    found = _fingerprints(SECOND)
    assert {line.partition("\t")[0] for line in found} >= {
        *(f"silver.{SECOND}_{name}" for name in ("outcomes", "statements")),
        *(f"gold.{SECOND}_{name}" for name in ("features", "scores", "riskiest_clients")),
    }
    counted = told("sql", f"SELECT count(*) AS rows FROM silver.{SECOND}_outcomes", "--format", "csv")
    assert counted.split() == ["rows", str(6 * CLIENTS)]
    get_settings.cache_clear()
    assert [reign.version for reign in champions.history(UseCase.load(SECOND, get_settings()))] == [1]


def _fingerprints(use_case: str) -> list[str]:
    """Each published slice of a use case, with a digest of its rows."""
    return [line for line in told("fingerprint").splitlines() if f".{use_case}_" in line.partition("\t")[0]]
