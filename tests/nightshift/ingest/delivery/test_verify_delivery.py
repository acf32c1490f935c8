"""Files checked against their manifest: what is faulty is named, and nothing faulty gets through."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import hashlib
from pathlib import Path

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.home.settings import get_settings
from nightshift.ingest import archive
from nightshift.ingest.delivery import (
    Folder,
    Manifest,
    manifest_listing,
    read_manifest,
)
from nightshift.ingest.delivery.text_lines import LINE_BYTES
from nightshift.storage import File, Location
from tests.nightshift.ingest.delivery.flights import (
    DAY,
    OUTCOME,
    OUTCOMES,
    SCHEDULE,
    deliver,
    only_fault,
    verified,
    write_manifest,
)


def test_a_sound_delivery_has_no_fault(landing: Path, catalog: Catalog) -> None:
    deliver(catalog)
    delivery = verified(catalog)
    delivery.refuse_faults()
    assert delivery.faults == ()
    assert {file.table.name: file.rows for file in delivery.files} == {"schedule": 2, "outcomes": 2, "weather": 1}
    assert delivery.rows_in(catalog["bronze.planes"]) == {DAY: 0}


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


def test_a_fault_keeps_the_digest_that_the_manifest_promised(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    promised = {file.name: file.sha256 for file in read_manifest(Folder(Location.of(folder))).files}
    (folder / "schedule.csv").write_bytes(b"other")
    (folder / "weather.parquet").unlink()
    found = {fault.file: (fault.sha256, fault.promised) for fault in verified(catalog).faults}
    assert found == {
        "schedule.csv": (hashlib.sha256(b"other").hexdigest(), promised["schedule.csv"]),
        "weather.parquet": (None, promised["weather.parquet"]),
    }


def test_files_still_being_written_are_no_part_of_a_delivery(landing: Path, catalog: Catalog) -> None:
    (deliver(catalog) / ".schedule.csv.partial").write_bytes(b"half")
    assert verified(catalog).faults == ()


def test_the_archive_holds_what_was_verified_whatever_becomes_of_the_landing_zone(
    landing: Path, catalog: Catalog
) -> None:
    folder = deliver(catalog)
    schedule = verified(catalog).of(catalog["bronze.schedule"])[0]
    (folder / "schedule.csv").unlink()
    assert schedule.path == archive.path_of(archive.of(catalog.use_case), hashlib.sha256(SCHEDULE).hexdigest(), ".csv")
    assert schedule.path.read() == SCHEDULE
    assert (schedule.name, schedule.origin) == ("schedule.csv", str(folder))
    assert schedule.columns[:2] == ("flight_date", "carrier")


def test_faulty_files_leave_nothing_in_the_archive(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    for name in ("schedule.csv", "outcomes.jsonl.gz", "weather.parquet"):
        (folder / name).write_bytes(b"exchanged")
    assert len(verified(catalog).faults) == 3
    assert list(get_settings().archive.walk()) == []


class Growing(Folder):
    """A folder whose file gets longer as soon as its size was asked for."""

    def find(self, name: str) -> File:
        found = super().find(name)
        with (self.location.path / name).open("ab") as file:
            file.write(b"2013-01-02,UA,1,EWR,IAH,0515,0819,1400\n")
        return found


def test_a_file_that_grows_while_it_is_read_is_a_fault(
    landing: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deliver(catalog)
    real = manifest_listing.listed_files

    def listed(declared: Catalog, date: dt.date, place: Folder, manifest: Manifest) -> manifest_listing.Listing:
        found = real(declared, date, place, manifest)
        growing = Growing(Location.of(folder))
        tasks = [
            dataclasses.replace(task, folder=growing) if task.expected.name == "schedule.csv" else task
            for task in found.tasks
        ]
        return manifest_listing.Listing(tuple(tasks), found.faults)

    monkeypatch.setattr("nightshift.ingest.delivery.verify_delivery.listed_files", listed)
    fault = only_fault(catalog)
    assert f"changes its size while it is read: {len(SCHEDULE)} bytes at first" in fault
    assert (landing / "flight_delays" / "2013-01-02" / "schedule.csv").stat().st_size > len(SCHEDULE)


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
