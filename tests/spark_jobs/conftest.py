"""What features and marts are computed from."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from tests.silver import forget_tables, write_silver


@pytest.fixture
def catalog(spark: SparkSession, home: Settings) -> Catalog:
    """A lake with silver tables of the first four batch dates."""
    forget_tables(spark)
    made = Catalog(UseCase.load("flight_delays", get_settings()))
    write_silver(spark, made, BatchDates(dt.date(2013, 1, 1), dt.date(2013, 1, 4)))
    return made
