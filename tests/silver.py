"""Small silver tables, the same on every run, for tests of what is computed from them."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table

Rows = Iterable[dict[str, Any]]
FLIGHTS_A_DAY = 36
ORIGINS = ("EWR", "JFK", "LGA")


def write_silver(spark: SparkSession, catalog: Catalog, dates: BatchDates) -> None:
    """Publish silver tables of some batch dates, without audits: tests of features start here."""
    for name, rows in SILVER[catalog.use_case.name](dates, catalog.use_case.dates.first).items():
        write_table(spark, catalog[f"silver.{name}"], rows)


def write_table(spark: SparkSession, table: Table, rows: Rows) -> None:
    """Make a table hold exactly these rows; columns that a row lacks are null."""
    values = [tuple(row.get(name) for name in table.column_names) for row in rows]
    dates = {value[0] for value in values} | lake.published_dates(table)
    if dates:
        publish(spark.createDataFrame(values, table.ddl), table, BatchDates(min(dates), max(dates)))


def publish(rows: DataFrame, table: Table, dates: BatchDates) -> None:
    """Replace a slice on the product's own path, but for its audit."""
    stage = lake.stage(rows, table, dates)
    try:
        lake.publish(stage, {"run": "test"})
    finally:
        lake.discard(stage.folder)


def forget_tables(spark: SparkSession) -> None:
    """Forget what dbt made in another home; its files stay."""
    spark.sql("DROP DATABASE IF EXISTS stage CASCADE")


def _flight_delays(dates: BatchDates, first: dt.date) -> dict[str, Rows]:
    day_before = dt.timedelta(days=1)
    matured = [date for date in dates if date > first]
    return {
        "flights": [flight for date in dates for flight in _flights(date)],
        "outcomes": [_outcome(flight, date) for date in matured for flight in _flights(date - day_before)],
        "weather": [row for date in matured for row in _weather(date)],
    }


def _flights(date: dt.date) -> Iterator[dict[str, Any]]:
    for number in range(FLIGHTS_A_DAY):
        minute = 330 + 29 * number
        departure = dt.datetime.combine(date, dt.time(5)) + dt.timedelta(minutes=minute)
        yield {
            "batch_date": date,
            "flight_date": date,
            "time_hour": departure.replace(minute=0),
            "carrier": ("UA", "DL", "B6", "AA")[number % 4],
            "flight": 100 + number,
            "origin": ORIGINS[number % 3],
            "dest": ("BOS", "ORD", "LAX", "MIA", "ATL")[number % 5],
            "scheduled_departure": departure,
            "scheduled_arrival": departure + dt.timedelta(minutes=60 + number),
            "departure_minute": minute,
            "arrival_minute": min(minute + 60 + number, 1439),
            "distance": 200 + 50 * (number % 5),
            "carrier_name": f"Airline {number % 4}",
            "dest_name": f"Airport {number % 5}",
            "days_to_holiday": 20 - date.day % 10,
            "days_since_holiday": date.day - 1,
        }


def _outcome(flight: dict[str, Any], batch_date: dt.date) -> dict[str, Any]:
    delay = _chance(flight["flight_date"], flight["flight"]) % 60 - 20
    is_cancelled = delay == 30
    return {
        **flight,
        "batch_date": batch_date,
        "dep_delay": None if is_cancelled else delay,
        "arr_delay": None if is_cancelled else delay,
        "air_time": None if is_cancelled else 60,
        "is_cancelled": is_cancelled,
        "is_diverted": False,
        "is_late": is_cancelled or delay >= 15,
        "tailnum": None if is_cancelled else f"N{flight['flight']}",
    }


def _weather(batch_date: dt.date) -> Iterator[dict[str, Any]]:
    observed = batch_date - dt.timedelta(days=1)
    for origin in ORIGINS:
        for hour in range(24):
            chance = _chance(observed, origin, hour)
            yield {
                "batch_date": batch_date,
                "origin": origin,
                "time_hour": dt.datetime.combine(observed, dt.time(0)) + dt.timedelta(hours=hour + 5),
                "local_hour": hour,
                "temperature": 30 + chance % 3000 / 100,
                "dew_point": 20 + chance % 1000 / 100,
                "humidity": 40 + chance % 5000 / 100,
                "wind_direction": float(chance % 360),
                "wind_speed": chance % 2000 / 100,
                "wind_gust": 30.0 if hour % 2 else None,
                "precipitation": chance % 10 / 100,
                "pressure": 1000 + chance % 200 / 10,
                "visibility": float(chance % 10),
            }


def _chance(*parts: object) -> int:
    return zlib.crc32("|".join(str(part) for part in parts).encode())


# One entry per use case whose models are tested on made-up rows; tests for leaks need none (tests/leak.py).
SILVER: dict[str, Callable[[BatchDates, dt.date], dict[str, Rows]]] = {"flight_delays": _flight_delays}
