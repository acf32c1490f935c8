"""A regression from its sample to what the demo says of it: the demo's jobs, in its order, by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nightshift import terminal
from nightshift.catalogue import dbt_sources
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, Settings, get_settings
from nightshift.install.demo import demo_report
from nightshift.install.demo.demo_command import demonstrable
from nightshift.models.mlflow_connection import client

INGEST = (("spark_jobs.land",), ("spark_jobs.refine",), ("spark_jobs.features",))
NIGHT = (*INGEST, ("scoring.score",), ("spark_jobs.marts",))


def drop_in(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a use case of this folder the only one."""
    shutil.copytree(Path(__file__).parent / name, folder / name)
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder))
    get_settings.cache_clear()
    dbt_sources.generated(get_settings()).write()


@pytest.fixture
def parcels(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    drop_in("parcels", tmp_path / "use_cases", monkeypatch)
    use_case = demonstrable(get_settings(), None)
    # All tests of a session have one registry, and versions begin at 1.
    registry = client(get_settings())
    if registry.search_registered_models(f"name = '{use_case.model_name}'"):
        registry.delete_registered_model(use_case.model_name)
    return use_case


def run(use_case: UseCase, module: str, *options: str, dates: str) -> None:
    command = [sys.executable, "-m", module, *options, "--use-case", use_case.name, "--dates", dates]
    done = subprocess.run(command, env=dict(os.environ), cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def deliver(use_case: UseCase, dates: str) -> None:
    command = [sys.executable, "-m", "nightshift", "deliver-sample", use_case.name, "--dates", dates, "--quiet"]
    subprocess.run(command, env=dict(os.environ), cwd=PROJECT_DIR, check=True)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_regression_is_trained_scored_and_shown(parcels: UseCase, capsys: pytest.CaptureFixture[str]) -> None:
    demo = parcels.demo
    assert demo is not None
    for dates, jobs in ((demo.history, INGEST), (demo.nights, NIGHT)):
        deliver(parcels, dates)
        if jobs is NIGHT:
            run(parcels, "training.train", dates=demo.first_model)
            decided = ("--version", "1", "--who", "auto", "--why", "the first")
            run(parcels, "training.promote", *decided, dates=demo.first_model)
        for module, *options in jobs:
            run(parcels, module, *options, dates=dates)

    nights = [demo_report.night(parcels, date, 1.0) for date in parcels.batch_dates(demo.nights)]
    # Thirty parcels a day, and thirty that arrived; chance alone moves hours by four, 3.2 on average.
    assert [(each.landed, each.scored) for each in nights] == [(60, 30)] * 2
    assert all(2 < each.realised < 8 for each in nights[:-1] if each.realised is not None)
    assert nights[-1].realised is None
    demo_report.print_nights(terminal.console(), parcels, nights)
    demo_report.print_query(terminal.console(), parcels)
    demo_report.print_champions(terminal.console(), parcels)
    said = capsys.readouterr().out
    for words in ("mean absolute error", "labels come on 2024-03-03", "The slowest parcels of 2 March", "Champions"):
        assert words in said
