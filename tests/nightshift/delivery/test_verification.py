"""Deliveries held against their manifest: what is faulty is named, and nothing faulty gets through."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift import archive
from nightshift.catalog import Catalog
from nightshift.dates import BatchDates
from nightshift.delivery import (
    Delivery,
    Folder,
    Manifest,
    delivered_digests,
    delivery_folder,
    is_complete,
    listing,
    read_manifest,
    verify,
)
from nightshift.delivery.lines import LINE_BYTES
from nightshift.errors import NightshiftError
from nightshift.settings import get_settings
from nightshift.use_case import UseCase

FIRST = dt.date(2013, 1, 1)
DAY = dt.date(2013, 1, 2)
SCHEDULE = (
    b"flight_date,carrier,flight,origin,dest,sched_dep_time,sched_arr_time,distance\n"
    b"2013-01-02,UA,1545,EWR,IAH,0515,0819,1400\n"
    b"2013-01-02,AA,1141,JFK,MIA,0540,0850,1089\n"
)
OUTCOME = (
    b'{"flight_date":"2013-01-01","carrier":"UA","flight":1545,"origin":"EWR","dest":"IAH","sched_dep_time":"0515",'
    b'"dep_time":"0517","arr_time":"0830","dep_delay":2,"arr_delay":11,"air_time":227,"tailnum":"N14228",'
    b'"cancelled":false,"diverted":false}\n'
)
OUTCOMES = gzip.compress(OUTCOME + OUTCOME.replace(b"1545", b"1546"), mtime=0)


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
    folder = Path(delivery_folder(catalog.use_case, DAY).location)
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
    assert is_complete(Folder(str(folder)))
    (folder / "manifest.json").unlink()
    assert not is_complete(Folder(str(folder)))
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
        (
            {"schedule__csv": SCHEDULE.replace(b",dest,", b",to,")},
            {},
            "lacks 'dest', perhaps renamed to 'to'; has the undeclared 'to'",
        ),
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
        ({"temp": pa.array(["warm"])}, "'temp' is string, declared is double"),
        ({"time_hour": pa.array([dt.datetime(2013, 1, 1)], pa.timestamp("us"))}, "declared is timestamp"),
    ],
    ids=["missing", "text for a number", "time without a zone"],
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
    folder = Path(delivery_folder(catalog.use_case, FIRST).location)
    folder.mkdir(parents=True)
    (folder / "schedule.csv").write_bytes(SCHEDULE)
    write_manifest(folder, {"schedule.csv": 2}, FIRST)
    assert verified(catalog, FIRST).faults == ()


def test_a_delivery_for_another_date_is_refused_as_a_whole(landing: Path, catalog: Catalog) -> None:
    deliver(catalog, batch_date=dt.date(2013, 1, 3))
    assert "is the manifest of 2013-01-03, but lies in the folder of 2013-01-02" in only_fault(catalog)
    assert verified(catalog).files == ()


def test_a_corrupt_file_is_tolerated_up_to_the_declared_number(landing: Path, catalog: Catalog) -> None:
    deliver(catalog, {"airlines.csv": 1}, airlines__csv=b"name\nUnited\n")
    tolerate(catalog, 1)
    verified(catalog).refuse_faults()
    assert [file.table.name for file in verified(catalog).files] == ["schedule", "outcomes", "weather"]


def tolerate(catalog: Catalog, files: int) -> None:
    delivery = catalog.use_case.delivery.model_copy(update={"tolerated_corrupt_files": files})
    catalog.use_case = catalog.use_case.model_copy(update={"delivery": delivery})


@pytest.mark.parametrize("is_there", [True, False], ids=["corrupt", "missing"])
def test_a_required_source_without_a_good_file_is_never_tolerated(
    landing: Path, catalog: Catalog, is_there: bool
) -> None:
    folder = deliver(catalog, outcomes__jsonl__gz=OUTCOMES[:-9])
    if not is_there:
        (folder / "outcomes.jsonl.gz").unlink()
    tolerate(catalog, 5)
    (fault,) = verified(catalog).faults
    assert not fault.tolerable
    with pytest.raises(NightshiftError, match="nothing of these dates was published"):
        verified(catalog).refuse_faults()


def test_a_corrupt_part_of_a_required_source_is_tolerated_beside_a_good_one(landing: Path, catalog: Catalog) -> None:
    allow(catalog, "bronze.schedule", file="schedule*.csv")
    deliver(catalog, {"schedule_2.csv": 1}, schedule_2__csv=b"carrier\nUA\n")
    tolerate(catalog, 1)
    assert [fault.file for fault in verified(catalog).faults] == ["schedule_2.csv"]
    verified(catalog).refuse_faults()


def test_a_fault_keeps_the_digest_that_the_manifest_promised(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    promised = {file.name: file.sha256 for file in read_manifest(Folder(str(folder))).files}
    (folder / "schedule.csv").write_bytes(b"other")
    (folder / "weather.parquet").unlink()
    found = {fault.file: (fault.sha256, fault.promised) for fault in verified(catalog).faults}
    assert found == {
        "schedule.csv": (hashlib.sha256(b"other").hexdigest(), promised["schedule.csv"]),
        "weather.parquet": (None, promised["weather.parquet"]),
    }


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
        (lambda m: m["files"][0].update(bytes="123"), r"files\.0\.bytes"),
        (lambda m: m["files"][0].update(rows=True), r"files\.0\.rows"),
        (lambda m: m["files"][0].update(rows=2.0), r"files\.0\.rows"),
        (lambda m: m.update(batch_date=1357084800), "batch_date"),
        (lambda m: m.update(batch_date="1357084800"), "batch_date: .*YYYY-MM-DD"),
    ],
    ids=[
        *("climbing", "parent", "folder", "size", "digest", "no rows", "unknown field", "date", "twice"),
        *("text for a number", "boolean for a number", "fraction", "number for a date", "seconds for a date"),
    ],
)
def test_a_manifest_that_breaks_the_contract_is_refused_by_field(
    landing: Path, catalog: Catalog, spoil: Callable[[dict], None], said: str
) -> None:
    folder = deliver(catalog)
    manifest = json.loads((folder / "manifest.json").read_text())
    spoil(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(NightshiftError, match=said):
        read_manifest(Folder(str(folder)))


def test_half_a_manifest_is_refused_by_its_path(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    (folder / "manifest.json").write_text('{"batch_date": "2013')
    with pytest.raises(NightshiftError, match=r"manifest\.json is not valid JSON"):
        verified(catalog)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (b"[" * 100_000, "recursion"),
        (b'{"batch_date": "2013-01-02", "files": [], "files": []}', "has the key 'files' twice"),
        (b'{"batch_date": "2013-01-02", "files": [{"name": "a", "name": "b"}]}', "has the key 'name' twice"),
        ('{"batch_date": "2013-01-02", "files": []}'.encode("utf-16"), "utf-8"),
        ('{"batch_date": "2013-01-02", "files": []}'.encode("utf-16-le"), "Expecting property name"),
        (b'\xef\xbb\xbf{"batch_date": "2013-01-02", "files": []}', "BOM"),
    ],
    ids=["deep", "doubled key", "doubled key of a file", "UTF-16", "UTF-16 without mark", "BOM"],
)
def test_what_readers_of_json_would_differ_in_is_no_manifest(
    landing: Path, catalog: Catalog, found: bytes, said: str
) -> None:
    folder = deliver(catalog)
    (folder / "manifest.json").write_bytes(found)
    with pytest.raises(NightshiftError, match=rf"{folder}/manifest\.json is not valid JSON: .*{said}"):
        verified(catalog)
    # One delivery that can't be read keeps no other from being compared.
    assert delivered_digests(catalog.use_case, [DAY]) == {DAY: {"manifest.json": hashlib.sha256(found).hexdigest()}}


@pytest.mark.parametrize(
    ("error", "stands_for"),
    [(OSError("input/output error"), {DAY: {"manifest.json": hashlib.sha256(b"").hexdigest()}}), (None, {})],
    ids=["broken", "vanished"],
)
def test_a_manifest_that_can_not_be_read_is_named(
    landing: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, error: OSError | None, stands_for: dict
) -> None:
    path = deliver(catalog) / "manifest.json"

    def fail(*_: object) -> bytes:
        raise error or FileNotFoundError(str(path))

    monkeypatch.setattr(Folder, "read", fail)
    with pytest.raises(NightshiftError, match=f"{path} can't be read: input" if error else f"waited for {path}"):
        verified(catalog)
    assert delivered_digests(catalog.use_case, [DAY]) == stands_for


def test_a_folder_that_can_not_be_looked_into_is_named(
    landing: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deliver(catalog)

    def fail(*_: object) -> bool:
        raise PermissionError("permission denied")

    monkeypatch.setattr(Folder, "has", fail)
    with pytest.raises(NightshiftError, match=f"{folder} can't be read: permission denied"):
        verified(catalog)
    assert set(delivered_digests(catalog.use_case, [DAY])) == {DAY}


def test_files_still_being_written_are_no_part_of_a_delivery(landing: Path, catalog: Catalog) -> None:
    (deliver(catalog) / ".schedule.csv.partial").write_bytes(b"half")
    assert verified(catalog).faults == ()


def test_the_archive_holds_what_was_verified_whatever_becomes_of_the_landing_zone(
    landing: Path, catalog: Catalog
) -> None:
    folder = deliver(catalog)
    schedule = verified(catalog).of(catalog["bronze.schedule"])[0]
    (folder / "schedule.csv").unlink()
    assert schedule.path == archive.path_of("flight_delays", hashlib.sha256(SCHEDULE).hexdigest(), ".csv")
    assert schedule.path.read_bytes() == SCHEDULE
    assert (schedule.name, schedule.origin) == ("schedule.csv", str(folder))
    assert schedule.columns[:2] == ("flight_date", "carrier")


def test_faulty_files_leave_nothing_in_the_archive(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    for name in ("schedule.csv", "outcomes.jsonl.gz", "weather.parquet"):
        (folder / name).write_bytes(b"exchanged")
    assert len(verified(catalog).faults) == 3
    assert [path for path in get_settings().archive.rglob("*") if path.is_file()] == []


class Growing(Folder):
    """A folder whose file gets longer as soon as its size was asked for."""

    def size(self, name: str) -> int:
        found = super().size(name)
        with (Path(self.location) / name).open("ab") as file:
            file.write(b"2013-01-02,UA,1,EWR,IAH,0515,0819,1400\n")
        return found


def test_a_file_that_grows_while_it_is_read_is_a_fault(
    landing: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deliver(catalog)
    real = listing.listed

    def listed(declared: Catalog, date: dt.date, place: Folder, manifest: Manifest) -> listing.Listing:
        found = real(declared, date, place, manifest)
        tasks = [
            dataclasses.replace(task, folder=Growing(str(folder))) if task.expected.name == "schedule.csv" else task
            for task in found.tasks
        ]
        return listing.Listing(tuple(tasks), found.faults)

    monkeypatch.setattr("nightshift.delivery.verification.listed", listed)
    fault = only_fault(catalog)
    assert f"changes its size while it is read: {len(SCHEDULE)} bytes at first" in fault
    assert (landing / "flight_delays" / "2013-01-02" / "schedule.csv").stat().st_size > len(SCHEDULE)


def lines_of(first: bytes, *columns: int, replaced: bytes) -> bytes:
    """Ten lines like the first record of the schedule, with some of its fields replaced."""
    fields = first.split(b",")
    for column in columns:
        fields[column] = replaced
    return b",".join(fields) + b"\n"


HEADER, RECORD = SCHEDULE.splitlines()[:2]


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (
            SCHEDULE.replace(b",distance\n", b"\n").replace(b",1400\n", b"\n").replace(b",1089\n", b"\n"),
            ["lacks 'distance'"],
        ),
        (
            SCHEDULE.replace(b",dest,", b",destination,"),
            ["lacks 'dest', perhaps renamed to 'destination'", "has the undeclared 'destination'"],
        ),
        (SCHEDULE.replace(b",dest,", b",x,"), ["lacks 'dest', perhaps renamed to 'x'"]),
        (
            SCHEDULE.replace(b"carrier,flight,", b"flight,carrier,"),
            ["has its columns in the order flight_date,flight,carrier,", "declared is flight_date,carrier,flight,"],
        ),
        (SCHEDULE.replace(b",dest,", b",Dest,"), ["lacks 'dest', perhaps renamed to 'Dest'"]),
        (SCHEDULE.replace(b",dest,", b",origin,"), ["'origin' comes twice"]),
        (SCHEDULE.replace(b",dest,", b",,"), ["without a printable name for column 5"]),
        (
            HEADER + b"\n" + lines_of(RECORD, 2, replaced=b"UA1545") * 10,
            ["'flight' is text like 'UA1545', declared is int"],
        ),
        (
            HEADER + b"\n" + lines_of(RECORD, 0, replaced=b"01/02/2013") * 10,
            ["'flight_date' is text like '01/02/2013', declared is date"],
        ),
        (
            SCHEDULE.replace(b"flight_date,", b"").replace(b",distance\n", b",miles\n"),
            ["lacks 'flight_date'", "lacks 'distance', perhaps renamed to 'miles'", "has the undeclared 'miles'"],
        ),
    ],
    ids=[
        "dropped",
        "renamed",
        "renamed in place",
        "reordered",
        "case",
        "doubled",
        "unnamed",
        "retyped",
        "dates",
        "both",
    ],
)
def test_drift_of_csv_is_named_column_by_column_before_the_read(
    landing: Path, catalog: Catalog, schedule: bytes, said: list[str]
) -> None:
    deliver(catalog, {"schedule.csv": schedule.count(b"\n") - 1}, schedule__csv=schedule)
    fault = only_fault(catalog)
    assert [words for words in said if words not in fault] == []
    with pytest.raises(NightshiftError) as refusal:
        verified(catalog).refuse_faults()
    assert ("docs/schema-changes.md" in str(refusal.value)) == ("printable" not in fault)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"dest":"IAH",', b"", ["lacks 'dest'"]),
        (b'"dest":', b'"destination":', ["lacks 'dest', perhaps renamed to 'destination'"]),
        (b'"flight":1545', b'"flight":"UA1545"', ["'flight' is JSON like \"UA1545\", declared is int"]),
        (
            b'"carrier":"UA"',
            b'"carrier":{"code":"UA"}',
            ['\'carrier\' is JSON like {"code": "UA"}, declared is string'],
        ),
        (
            b'"sched_dep_time":"0515"',
            b'"sched_dep_time":515',
            ["'sched_dep_time' is JSON like 515, declared is string"],
        ),
        (b'"diverted":false', b'"diverted":0', ["'diverted' is JSON like 0, declared is boolean"]),
    ],
    ids=["dropped", "renamed", "text", "object", "number", "boolean"],
)
def test_drift_of_json_lines_is_found_over_the_whole_file(
    landing: Path, catalog: Catalog, old: bytes, new: bytes, said: list[str]
) -> None:
    drifted = OUTCOME.replace(old, new)
    assert drifted != OUTCOME
    deliver(catalog, {"outcomes.jsonl.gz": 20}, outcomes__jsonl__gz=gzip.compress(drifted * 20))
    fault = only_fault(catalog)
    assert [words for words in said if words not in fault] == []


def test_a_key_that_one_of_many_records_adds_warns_and_one_that_it_lacks_is_no_drift(
    landing: Path, catalog: Catalog
) -> None:
    odd = OUTCOME.replace(b'"dest":"IAH"', b'"gate":"A1"')
    deliver(catalog, {"outcomes.jsonl.gz": 2001}, outcomes__jsonl__gz=gzip.compress(OUTCOME * 2000 + odd))
    delivery = verified(catalog)
    assert delivery.faults == ()
    assert delivery.warnings == (
        "2013-01-02/outcomes.jsonl.gz has the undeclared 'gate': kept aside in bronze.outcomes, column extra; declare "
        "them to use them (docs/schema-changes.md)",
    )


def test_records_that_are_no_json_are_left_to_the_parser(landing: Path, catalog: Catalog) -> None:
    bad = [b"{", b"[" * 100_000, b"\xff", b'{"a":1}{}', b""]
    content = OUTCOME + b"\n".join(bad) + b"\n"
    deliver(catalog, {"outcomes.jsonl.gz": 1 + len(bad)}, outcomes__jsonl__gz=gzip.compress(content))
    assert verified(catalog).faults == ()


@pytest.mark.parametrize(
    ("name", "content", "rows", "said"),
    [
        ("schedule__csv", SCHEDULE.decode().encode("utf-16"), 2, "is UTF-16; files are UTF-8"),
        ("schedule__csv", SCHEDULE.decode().encode("utf-16-le"), 2, "begins with NUL bytes, as UTF-16 does"),
        ("schedule__csv", SCHEDULE.replace(b"dest", "dést".encode("latin-1")), 2, "header line that is not UTF-8"),
        ("outcomes__jsonl__gz", gzip.compress(b"\xef\xbb\xbf" + OUTCOME * 2), 2, "with a byte order mark"),
        ("outcomes__jsonl__gz", gzip.compress(OUTCOME.decode().encode("utf-16-be")), 1, "begins with NUL bytes"),
        ("outcomes__jsonl__gz", gzip.compress(b"x" * (LINE_BYTES + 1)), 1, "line 1 does not end"),
    ],
    ids=["UTF-16", "UTF-16 without mark", "Latin-1", "BOM", "UTF-16 big-endian", "endless line"],
)
def test_files_of_another_encoding_are_faults(
    landing: Path, catalog: Catalog, name: str, content: bytes, rows: int, said: str
) -> None:
    deliver(catalog, {name.replace("__", "."): rows}, **{name: content})
    assert said in only_fault(catalog)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
def test_a_truncated_parquet_file_is_a_fault(landing: Path, catalog: Catalog, cut: float) -> None:
    folder = deliver(catalog)
    whole = (folder / "weather.parquet").read_bytes()
    (folder / "weather.parquet").write_bytes(whole[: int(len(whole) * cut)])
    write_manifest(folder, {"schedule.csv": 2, "outcomes.jsonl.gz": 2, "weather.parquet": 1})
    assert "weather.parquet: is not a readable Parquet file" in only_fault(catalog)


def test_an_empty_source_clears_the_day_only_where_that_is_declared(landing: Path, catalog: Catalog) -> None:
    deliver(catalog, {"schedule.csv": 0}, schedule__csv=HEADER + b"\n")
    assert "0 rows, and the source is declared without `empty_allowed`" in only_fault(catalog)
    with pytest.raises(NightshiftError, match="declare `empty_allowed: true` for the source"):
        verified(catalog).refuse_faults()
    allow(catalog, "bronze.schedule", empty_allowed=True)
    delivery = verified(catalog)
    assert delivery.faults == ()
    assert delivery.rows_in(catalog["bronze.schedule"]) == {DAY: 0}


def allow(catalog: Catalog, name: str, **changed: object) -> None:
    table = catalog[name]
    assert table.source is not None
    source = table.source.model_copy(update=changed)
    catalog._tables = {**catalog._tables, name: table.model_copy(update={"source": source})}


def test_a_file_that_was_published_for_another_date_is_a_fault(landing: Path, catalog: Catalog) -> None:
    deliver(catalog)
    published = {FIRST: {"schedule.csv": hashlib.sha256(SCHEDULE).hexdigest()}}
    (fault,) = verify(catalog, BatchDates.of(DAY), lambda _: published).faults
    assert str(fault) == (
        "2013-01-02/schedule.csv: is byte for byte schedule.csv of 2013-01-01: it was delivered for the wrong date, or "
        "a second time"
    )
    assert fault.rule == "other_date"
    # The same file again for its own date is a rerun.
    assert verify(catalog, BatchDates.of(DAY), lambda _: {DAY: published[FIRST]}).faults == ()
    allow(catalog, "bronze.schedule", may_repeat=True)
    assert verify(catalog, BatchDates.of(DAY), lambda _: published).faults == ()


@pytest.mark.parametrize("withdrawn", [True, False])
def test_a_file_that_another_date_no_longer_delivers_is_free_for_its_own(
    landing: Path, catalog: Catalog, withdrawn: bool
) -> None:
    folder = deliver(catalog)
    first = folder.with_name("2013-01-01")
    first.mkdir()
    (first / "schedule.csv").write_bytes(SCHEDULE.replace(b"-02", b"-01") if withdrawn else SCHEDULE)
    write_manifest(first, {"schedule.csv": 2}, FIRST)
    published = {FIRST: {"schedule.csv": hashlib.sha256(SCHEDULE).hexdigest()}}
    faults = verify(catalog, BatchDates.of(DAY), lambda _: published).faults
    assert [fault.rule for fault in faults] == ([] if withdrawn else ["other_date"])


def test_reference_data_may_come_again_unchanged(landing: Path, catalog: Catalog) -> None:
    airlines = b"carrier,name\nUA,United Air Lines Inc.\n"
    deliver(catalog, {"airlines.csv": 1}, airlines__csv=airlines)
    published = {FIRST: {"airlines.csv": hashlib.sha256(airlines).hexdigest()}}
    assert verify(catalog, BatchDates.of(DAY), lambda _: published).faults == ()


def test_what_lies_in_the_landing_zone_is_told_by_the_manifests_alone(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    later = folder.with_name("2013-01-03")
    later.mkdir()
    (later / "manifest.json").write_text("no JSON")
    for name in ("schedule.csv", "outcomes.jsonl.gz", "weather.parquet"):
        (folder / name).unlink()
    digests = delivered_digests(catalog.use_case, BatchDates(FIRST, dt.date(2013, 1, 3)))
    assert set(digests) == {DAY, dt.date(2013, 1, 3)}
    assert digests[DAY]["schedule.csv"] == hashlib.sha256(SCHEDULE).hexdigest()
    assert digests[dt.date(2013, 1, 3)] == {"manifest.json": hashlib.sha256(b"no JSON").hexdigest()}


def test_a_correction_that_takes_the_place_of_a_wrong_file_frees_it_for_its_own_date(
    landing: Path, catalog: Catalog
) -> None:
    folder = deliver(catalog)
    first = folder.with_name("2013-01-01")
    first.mkdir()
    corrected = SCHEDULE.replace(b"2013-01-02", b"2013-01-01")
    (first / "schedule.csv").write_bytes(corrected)
    write_manifest(first, {"schedule.csv": 2}, FIRST)
    published = {FIRST: {"schedule.csv": hashlib.sha256(SCHEDULE).hexdigest()}}
    assert verify(catalog, BatchDates(FIRST, DAY), lambda _: published).faults == ()
