"""Deliveries held against their manifest: what is faulty is named, and nothing faulty gets through."""

from __future__ import annotations

import copy
import datetime as dt
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift.dates import BatchDates
from nightshift.delivery import Delivery, delivery_folder, is_complete, read_manifest, verify
from nightshift.errors import NightshiftError
from nightshift.settings import get_settings
from nightshift.tables import Catalog
from nightshift.use_case import UseCase

FIRST = dt.date(2013, 1, 1)
DAY = dt.date(2013, 1, 2)
SCHEDULE = (
    b"flight_date,carrier,flight,origin,dest,sched_dep_time,sched_arr_time,distance\n"
    b"2013-01-02,UA,1545,EWR,IAH,0515,0819,1400\n"
    b"2013-01-02,AA,1141,JFK,MIA,0540,0850,1089\n"
)
OUTCOMES = gzip.compress(b'{"flight_date":"2013-01-01"}\n{"flight_date":"2013-01-01"}\n', mtime=0)


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty landing zone."""
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield get_settings().landing
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def declared() -> Catalog:
    return Catalog(UseCase.load("flight_delays"))


@pytest.fixture
def catalog(declared: Catalog) -> Catalog:
    """A copy, so that a test may change what the use case tolerates."""
    return copy.copy(declared)


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
    folder = delivery_folder(catalog.use_case, DAY)
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


def test_a_sound_delivery_has_no_fault(landing: Path, catalog: Catalog) -> None:
    deliver(catalog)
    delivery = verified(catalog)
    delivery.refuse_faults()
    assert delivery.faults == ()
    assert {file.table.name: file.rows for file in delivery.files} == {"schedule": 2, "outcomes": 2, "weather": 1}
    assert delivery.rows_in(catalog["bronze.planes"]) == {DAY: 0}


def test_a_folder_without_manifest_is_not_complete(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    assert is_complete(folder)
    (folder / "manifest.json").unlink()
    assert not is_complete(folder)
    with pytest.raises(NightshiftError, match=str(folder / "manifest.json")):
        verified(catalog)


@pytest.mark.parametrize(
    ("files", "rows", "said"),
    [
        ({"outcomes__jsonl__gz": OUTCOMES[:-9]}, {}, "outcomes.jsonl.gz: is a gzip file that is cut"),
        ({"outcomes__jsonl__gz": b"plain"}, {}, "is not a sound gzip file"),
        ({"outcomes__jsonl__gz": b""}, {}, "is an empty file"),
        ({"outcomes__jsonl__gz": OUTCOMES[:-8] + b"\0" * 8}, {}, "is not a sound gzip file"),
        ({"schedule__csv": SCHEDULE}, {"schedule.csv": 3}, "has 2 rows, the manifest says 3"),
        ({"schedule__csv": SCHEDULE[:-1]}, {"schedule.csv": 1}, "has 2 rows, the manifest says 1"),
        ({"schedule__csv": SCHEDULE.replace(b",dest,", b",to,")}, {}, "lacks 'dest' and has the undeclared 'to'"),
        ({"schedule__csv": SCHEDULE.replace(b"carrier,flight,", b"flight,carrier,")}, {}, "in the order"),
        ({"schedule__csv": b"\xef\xbb\xbf" + SCHEDULE}, {}, "byte order mark"),
        ({"schedule__csv": b""}, {"schedule.csv": 0}, "has no header line"),
        ({"schedule__csv": SCHEDULE.splitlines(keepends=True)[0]}, {"schedule.csv": 0}, "is empty: 0 rows"),
        ({"weather__parquet": b"PAR1"}, {}, "is not a readable Parquet file"),
        ({"gates__csv": b"gate\n"}, {"gates.csv": 0}, "gates.csv: is not a declared source"),
        ({"stray__csv": b"gate\n"}, {}, "stray.csv: lies in the folder, but the manifest does not list it"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_faulty_file_is_named_with_the_reason_and_blocks(
    landing: Path, catalog: Catalog, files: dict[str, bytes], rows: dict[str, int], said: str
) -> None:
    deliver(catalog, rows, **files)
    assert said in only_fault(catalog)


def test_content_that_changed_after_its_manifest_is_a_fault(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    (folder / "schedule.csv").write_bytes(SCHEDULE.replace(b"IAH", b"IAD"))
    assert "has SHA-256" in only_fault(catalog)


def test_a_listed_file_that_did_not_come_is_a_fault(landing: Path, catalog: Catalog) -> None:
    (deliver(catalog) / "weather.parquet").unlink()
    assert "is listed in the manifest, but is no file in the folder" in only_fault(catalog)


def test_a_link_is_not_a_file(landing: Path, catalog: Catalog, tmp_path: Path) -> None:
    folder = deliver(catalog)
    (folder / "schedule.csv").rename(tmp_path / "elsewhere.csv")
    (folder / "schedule.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert "is no file in the folder" in only_fault(catalog)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"visib": None}, "lacks 'visib'"),
        ({"gate": pa.array(["A1"])}, "has the undeclared 'gate'"),
        ({"temp": pa.array(["warm"])}, "temp is string, declared is double"),
        ({"time_hour": pa.array([dt.datetime(2013, 1, 1)], pa.timestamp("us"))}, "declared is timestamp"),
    ],
    ids=["missing", "undeclared", "text for a number", "time without a zone"],
)
def test_parquet_must_have_the_declared_schema(
    landing: Path, catalog: Catalog, changed: dict[str, pa.Array], said: str
) -> None:
    folder = deliver(catalog)
    weather(folder / "weather.parquet", **changed)
    write_manifest(folder, {"schedule.csv": 2, "outcomes.jsonl.gz": 2, "weather.parquet": 1})
    assert said in only_fault(catalog)


def test_a_required_source_must_be_listed(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    (folder / "weather.parquet").unlink()
    write_manifest(folder, {"schedule.csv": 2, "outcomes.jsonl.gz": 2})
    assert "weather.parquet: is required in every delivery" in only_fault(catalog)


def test_outcomes_and_weather_are_not_required_on_the_first_date(landing: Path, catalog: Catalog) -> None:
    folder = delivery_folder(catalog.use_case, FIRST)
    folder.mkdir(parents=True)
    (folder / "schedule.csv").write_bytes(SCHEDULE)
    write_manifest(folder, {"schedule.csv": 2}, FIRST)
    assert verified(catalog, FIRST).faults == ()


def test_a_delivery_for_another_date_is_refused_as_a_whole(landing: Path, catalog: Catalog) -> None:
    deliver(catalog, batch_date=dt.date(2013, 1, 3))
    assert "is the manifest of 2013-01-03, but lies in the folder of 2013-01-02" in only_fault(catalog)
    assert verified(catalog).files == ()


def test_a_corrupt_file_is_tolerated_up_to_the_declared_number(landing: Path, catalog: Catalog) -> None:
    deliver(catalog, outcomes__jsonl__gz=OUTCOMES[:-9])
    strict = catalog.use_case
    delivery = strict.delivery.model_copy(update={"tolerated_corrupt_files": 1})
    catalog.use_case = strict.model_copy(update={"delivery": delivery})
    verified(catalog).refuse_faults()
    assert [file.table.name for file in verified(catalog).files] == ["schedule", "weather"]


def test_a_missing_source_is_never_tolerated(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    write_manifest(folder, {"outcomes.jsonl.gz": 2, "weather.parquet": 1})
    (folder / "schedule.csv").unlink()
    strict = catalog.use_case
    delivery = strict.delivery.model_copy(update={"tolerated_corrupt_files": 5})
    catalog.use_case = strict.model_copy(update={"delivery": delivery})
    with pytest.raises(NightshiftError, match="is required in every delivery"):
        verified(catalog).refuse_faults()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda m: m["files"][0].update(name="../../etc/passwd"), "name"),
        (lambda m: m["files"][0].update(name=".."), "name"),
        (lambda m: m["files"][0].update(name="a/b.csv"), "name"),
        (lambda m: m["files"][0].update(bytes=-1), "bytes"),
        (lambda m: m["files"][0].update(sha256="abc"), "sha256"),
        (lambda m: m["files"][0].pop("rows"), "rows"),
        (lambda m: m.update(sender="me"), "sender"),
        (lambda m: m.update(batch_date="yesterday"), "batch_date"),
        (lambda m: m["files"].append(m["files"][0]), "listed twice"),
    ],
    ids=["climbing", "parent", "folder", "size", "digest", "no rows", "unknown field", "date", "twice"],
)
def test_a_manifest_that_breaks_the_contract_is_refused_by_field(
    landing: Path, catalog: Catalog, spoil: Callable[[dict], None], said: str
) -> None:
    folder = deliver(catalog)
    manifest = json.loads((folder / "manifest.json").read_text())
    spoil(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(NightshiftError, match=said):
        read_manifest(folder)


def test_half_a_manifest_is_refused_by_its_path(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    (folder / "manifest.json").write_text('{"batch_date": "2013')
    with pytest.raises(NightshiftError, match=r"manifest\.json is not valid JSON"):
        verified(catalog)


def test_files_still_being_written_are_no_part_of_a_delivery(landing: Path, catalog: Catalog) -> None:
    (deliver(catalog) / ".schedule.csv.partial").write_bytes(b"half")
    assert verified(catalog).faults == ()
