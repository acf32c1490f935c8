"""What follows from the declared stages: order, windows, commands, and that each table has one that writes it."""

from __future__ import annotations

import datetime as dt
import importlib.util

import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.install.setup.bootstrap import VENV
from nightshift.stages import (
    AFTER_MODEL,
    DECLARED,
    FEATURES,
    INGEST,
    MARTS,
    PYTHON,
    SCORE,
    STAGE,
    STAGES,
    arguments,
    command,
    command_to_write,
    later_dates,
    needed,
    read_window,
    tables_read,
)

LAST = dt.date(2013, 10, 31)


def use_case_with(lookback_days: int, maturity_days: int) -> UseCase:
    declared = UseCase.load("flight_delays", get_settings())
    nightly = declared.nightly.model_copy(update={"lookback_days": lookback_days})
    target = declared.target.model_copy(update={"maturity_days": maturity_days})
    return declared.model_copy(update={"nightly": nightly, "target": target})


def test_a_command_can_be_typed_in_the_checkout() -> None:
    assert PROJECT_DIR / PYTHON == VENV / "bin" / "python"
    assert command("features", "taxi", BatchDates.parse("2024-01-01..2024-01-02")) == (
        ".venv/bin/python -m spark_jobs.features --use-case taxi --dates 2024-01-01..2024-01-02"
    )
    assert command("score", "taxi", "<first>..<last>", "--model", "3") == (
        ".venv/bin/python -m scoring.score --use-case taxi --dates <first>..<last> --model 3"
    )


@pytest.mark.parametrize("stage", STAGES)
def test_the_job_of_every_stage_is_there(stage: str) -> None:
    assert importlib.util.find_spec(STAGE[stage].job) is not None
    assert arguments(stage, "taxi", "2024-01-01")[0] == STAGE[stage].job


def test_the_order_is_that_of_the_night_and_the_model_comes_in_between() -> None:
    assert STAGES == ("land", "refine", "features", "score", "marts")
    assert (*INGEST, *AFTER_MODEL) == STAGES
    assert AFTER_MODEL == (SCORE, MARTS)


@pytest.mark.parametrize(
    ("table", "typed"),
    [
        ("bronze.weather", ".venv/bin/python -m spark_jobs.land"),
        ("bronze.quarantine", ".venv/bin/python -m spark_jobs.land"),
        ("silver.weather", ".venv/bin/python -m spark_jobs.refine"),
        ("gold.features", ".venv/bin/python -m spark_jobs.features"),
        ("gold.scores", ".venv/bin/python -m scoring.score"),
        ("gold.late_rates", ".venv/bin/python -m spark_jobs.marts"),
    ],
)
def test_where_a_slice_is_missing_what_a_person_types_writes_that_table(table: str, typed: str) -> None:
    catalog = Catalog(UseCase.load("flight_delays", get_settings()))
    assert command_to_write(catalog[table], "2013-10-01") == f"{typed} --use-case flight_delays --dates 2013-10-01"


def test_the_feature_registry_is_written_outside_the_night() -> None:
    table = Catalog(UseCase.load("flight_delays", get_settings()))["gold.feature_registry"]
    assert command_to_write(table) == ".venv/bin/nightshift features --use-case flight_delays --publish"


def test_every_table_is_written_by_one_stage_and_read_after_it() -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        catalog = Catalog(use_case)
        for table in catalog:
            writers = [stage.name for stage in DECLARED if stage.writes(table)]
            assert len(writers) == (table.name != "feature_registry"), table.short_name
        for stage in DECLARED:
            for read in stage.reads:
                assert STAGES.index(read.stage) < STAGES.index(stage.name)
                assert tables_read(read, use_case, catalog) or not read.is_needed


def test_what_a_stage_can_not_do_without() -> None:
    catalog = Catalog(UseCase.load("flight_delays", get_settings()))
    found = {
        stage: {table.short_name: window.name for table, window in needed(stage, catalog.use_case, catalog)}
        for stage in STAGES
    }
    assert found == {
        "land": {},
        "refine": {f"bronze.{name}": "OWN_DATE" for name in ("schedule", "outcomes", "weather")},
        "features": {f"silver.{name}": "LOOKBACK" for name in ("flights", "outcomes", "weather")},
        "score": {"gold.features": "OWN_DATE"},
        "marts": {"gold.scores": "OWN_DATE", "silver.outcomes": "OWN_DATE"},
    }


@pytest.mark.parametrize(
    ("stage", "lookback_days", "maturity_days", "first"),
    [
        (FEATURES, 28, 30, dt.date(2013, 10, 4)),
        (MARTS, 28, 1, dt.date(2013, 10, 3)),
        (MARTS, 28, 30, dt.date(2013, 10, 1)),
        (MARTS, 1, 14, dt.date(2013, 10, 17)),
        (SCORE, 28, 14, LAST),
    ],
)
def test_marts_read_the_scores_of_the_outcomes_that_come_now(
    stage: str, lookback_days: int, maturity_days: int, first: dt.date
) -> None:
    use_case = use_case_with(lookback_days, maturity_days)
    assert read_window(stage, use_case, BatchDates.of(LAST)) == BatchDates(first, LAST)


def test_marts_of_the_date_whose_outcomes_mature_are_made_again_with_the_scores() -> None:
    use_case, dates = use_case_with(28, 14), BatchDates.of(LAST)
    assert later_dates(MARTS, use_case, dates) == BatchDates(LAST, LAST + dt.timedelta(days=14))
    assert {str(later_dates(stage, use_case, dates)) for stage in STAGES if stage != MARTS} == {str(LAST)}
