"""Where a slice is missing, what a person types writes that table."""

from __future__ import annotations

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.writing_stage import command_to_write


@pytest.mark.parametrize(
    ("table", "typed"),
    [
        ("bronze.weather", ".venv/bin/python -m spark_jobs.land"),
        ("silver.weather", ".venv/bin/python -m spark_jobs.refine"),
        ("gold.features", ".venv/bin/python -m spark_jobs.features"),
        ("gold.scores", ".venv/bin/python -m scoring.score"),
        ("gold.late_rates", ".venv/bin/python -m spark_jobs.marts"),
    ],
)
def test_each_table_is_written_by_a_stage(table: str, typed: str) -> None:
    catalog = Catalog(UseCase.load("flight_delays"))
    assert command_to_write(catalog[table], "2013-10-01") == f"{typed} --use-case flight_delays --dates 2013-10-01"


def test_the_feature_registry_is_written_outside_the_night() -> None:
    table = Catalog(UseCase.load("flight_delays"))["gold.feature_registry"]
    assert command_to_write(table) == ".venv/bin/nightshift features --use-case flight_delays --publish"
