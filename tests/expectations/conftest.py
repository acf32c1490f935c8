"""Scores to publish and to audit."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings

# What every score has, beside what the tests are about.
EXPLAINED = {
    "raw_score": -1.5,
    "threshold": 0.5,
    "base_contribution": -1.0,
    "reasons": [("carrier", "UA", -0.75, "flies with UA"), ("distance", None, 0.125, "goes who knows where")],
    "other_contribution": 0.125,
    "feature_version": 4,
}


class Scores:
    """The declared table of scores in an empty lake, and rows for it."""

    def __init__(self, spark) -> None:
        self.spark = spark
        declared = Catalog(UseCase.load("flight_delays", get_settings()))["gold.scores"]
        # Each test says what the table has to agree with.
        self.table = declared.model_copy(update={"agrees_with": (), "unique_for_days": 0})

    def declared(self, **changes):
        """The table with other fields in its declaration."""
        return self.table.model_copy(update=changes)

    def rows(self, date: dt.date, flights=(1, 2), probability: float = 0.25) -> list[tuple]:
        good = {
            **EXPLAINED,
            "batch_date": date,
            "time_hour": dt.datetime(2013, 10, 1, 9),
            "carrier": "UA",
            "origin": "EWR",
            "dest": "IAH",
            "probability": probability,
            "decision": "none",
            "model_name": "flight_delays",
            "model_version": 1,
        }
        return [tuple({**good, "flight": flight}[name] for name in self.table.column_names) for flight in flights]

    def frame(self, *rows: list[tuple]):
        return self.spark.createDataFrame([row for several in rows for row in several], self.table.ddl)

    def publish(self, date: dt.date, *rows: list[tuple]) -> None:
        stage = lake.stage(self.frame(*rows), self.table, BatchDates.of(date))
        lake.publish(stage, {"run": "test"})
        lake.discard(stage.folder)


@pytest.fixture
def published(spark, home):
    """A maker of scores, published or not."""
    return Scores(spark)
