"""A delivery of flights of the second day, sound apart from what a test changes."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.errors import NightshiftError
from nightshift.ingest.delivery import Delivery, delivery_folder, verify

FIRST = dt.date(2013, 1, 1)
DAY = dt.date(2013, 1, 2)
SCHEDULE = (
    b"flight_date,carrier,flight,origin,dest,sched_dep_time,sched_arr_time,distance\n"
    b"2013-01-02,UA,1545,EWR,IAH,0515,0819,1400\n"
    b"2013-01-02,AA,1141,JFK,MIA,0540,0850,1089\n"
)
HEADER = SCHEDULE.splitlines()[0]
OUTCOME = (
    b'{"flight_date":"2013-01-01","carrier":"UA","flight":1545,"origin":"EWR","dest":"IAH","sched_dep_time":"0515",'
    b'"dep_time":"0517","arr_time":"0830","dep_delay":2,"arr_delay":11,"air_time":227,"tailnum":"N14228",'
    b'"cancelled":false,"diverted":false}\n'
)
OUTCOMES = gzip.compress(OUTCOME + OUTCOME.replace(b"1545", b"1546"), mtime=0)


def weather(path: Path, **changed: pa.Array) -> None:
    """One observation, with columns changed or, where None, left out."""
    measures = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    columns = {
        "origin": pa.array(["EWR"]),
        "time_hour": pa.array([dt.datetime(2013, 1, 1, 12, tzinfo=dt.UTC)], pa.timestamp("us", "UTC")),
        **{name: pa.array([1.0]) for name in measures},
        **changed,
    }
    pq.write_table(pa.table({name: column for name, column in columns.items() if column is not None}), path)


def deliver(catalog: Catalog, rows: dict[str, int] | None = None, batch_date: dt.date = DAY, **files: bytes) -> Path:
    """A sound delivery of the second day, apart from what is changed; its manifest fits the files."""
    folder = delivery_folder(catalog.use_case, DAY).location.path
    folder.mkdir(parents=True, exist_ok=True)
    weather(folder / "weather.parquet")
    contents = {"schedule.csv": SCHEDULE, "outcomes.jsonl.gz": OUTCOMES} | {
        name.replace("__", "."): content for name, content in files.items()
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    counts = {"schedule.csv": 2, "outcomes.jsonl.gz": 2, "weather.parquet": 1} | (rows or {})
    write_manifest(folder, counts, batch_date)
    return folder


def write_manifest(folder: Path, rows: dict[str, int], batch_date: dt.date = DAY) -> None:
    entries = []
    for name, count in rows.items():
        content = (folder / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        entries.append({"name": name, "bytes": len(content), "rows": count, "sha256": digest})
    (folder / "manifest.json").write_text(json.dumps({"batch_date": f"{batch_date}", "files": entries}))


def verified(catalog: Catalog, date: dt.date = DAY) -> Delivery:
    return verify(catalog, BatchDates.of(date))


def only_fault(catalog: Catalog) -> str:
    """The one fault of the delivery, which must also block the run by its own words."""
    delivery = verified(catalog)
    assert len(delivery.faults) == 1, delivery.faults
    with pytest.raises(NightshiftError) as refusal:
        delivery.refuse_faults()
    assert str(delivery.faults[0]) in str(refusal.value)
    return str(delivery.faults[0])


def tolerate(catalog: Catalog, files: int) -> None:
    delivery = catalog.use_case.delivery.model_copy(update={"tolerated_corrupt_files": files})
    catalog.use_case = catalog.use_case.model_copy(update={"delivery": delivery})


def allow(catalog: Catalog, name: str, **changed: object) -> None:
    table = catalog[name]
    assert table.source is not None
    source = table.source.model_copy(update=changed)
    catalog._tables = {**catalog._tables, name: table.model_copy(update={"source": source})}
