"""What goes wrong around a delivery, on the way to it and in the archive, is no fault of its files."""

from __future__ import annotations

import datetime as dt
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ingest import archive
from nightshift.ingest.delivery import Delivery, Fault, Folder, manifest_listing, read_manifest
from nightshift.storage import Location
from tests.nightshift.ingest.delivery.flights import DAY, FIRST, deliver, tolerate, verified


def system_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Interrupted:
    """A stream that breaks off after its first bytes, as that of a store that does not answer in time."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.was_read = False

    def __enter__(self) -> Interrupted:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def read(self, size: int) -> bytes:
        if self.was_read:
            raise system_error(errno.ETIMEDOUT)
        self.was_read = True
        return bytes(self.stream.read(min(size, 10)))


def test_a_file_that_can_not_be_read_just_now_is_not_set_aside(
    landing: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deliver(catalog, {"airlines.csv": 1}, airlines__csv=b"carrier,name\nUA,United\n")
    tolerate(catalog, 1)
    real = Folder.open

    def opened(self: Folder, name: str) -> Any:
        return Interrupted(real(self, name)) if name == "airlines.csv" else real(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "open", opened)
        with pytest.raises(NightshiftError) as refusal:
            verified(catalog)
    said = str(refusal.value)
    assert refusal.value.temporary
    assert said.startswith(f"{folder}/airlines.csv can't be read: [Errno 110] Connection timed out")
    assert "run the stage again; nothing was published" in said
    assert [file.name for file in get_settings().archive.walk() if "incoming" in file.name] == []

    assert verified(catalog).faults == ()


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise system_error(number)

    return fail


@pytest.mark.parametrize(
    ("where", "name", "number"),
    [
        (archive.Deposit, "write", errno.ENOSPC),
        (archive.Deposit, "so_far", errno.ENOSPC),
        (archive.Deposit, "keep", errno.EROFS),
        (pq, "ParquetFile", errno.EIO),
    ],
    ids=["writing", "flushing", "keeping", "reading back"],
)
def test_what_the_archive_refuses_is_not_blamed_on_the_sender(
    landing: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, number: int
) -> None:
    deliver(catalog)
    tolerate(catalog, 5)
    monkeypatch.setattr(where, name, failing(number))
    with pytest.raises(NightshiftError) as refusal:
        verified(catalog)
    assert refusal.value.temporary == (number != errno.EROFS)
    said = str(refusal.value)
    assert said.startswith(f"the archive {get_settings().archive / 'flight_delays'} can't be used: [Errno {number}] ")
    assert "the delivery is not at fault" in said


def test_a_folder_that_can_not_be_listed_is_named(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    manifest = read_manifest(Folder(Location.of(folder)))
    no_folder = Folder(Location.of(folder / "schedule.csv"))
    with pytest.raises(NightshiftError, match=r"(?s)schedule\.csv can't be listed: .*Not a directory.*fix the access"):
        manifest_listing.listed_files(catalog, DAY, no_folder, manifest)


def test_a_file_that_goes_while_its_folder_is_listed_is_not_there(
    landing: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deliver(catalog)
    passing = folder / "passing.csv"
    passing.touch()
    real = Path.iterdir

    def listed(self: Path) -> Iterator[Path]:
        found = list(real(self))
        passing.unlink(missing_ok=True)
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", listed)
    assert set(Folder(Location.of(folder)).sizes()) == {
        "manifest.json",
        "schedule.csv",
        "outcomes.jsonl.gz",
        "weather.parquet",
    }


def faulty(catalog: Catalog, *dates: dt.date) -> Delivery:
    faults = [Fault(date, "airlines", f"airlines-{number}.csv", "is cut") for number, date in enumerate(dates)]
    return Delivery(catalog.use_case, BatchDates(FIRST, DAY), (), tuple(faults))


def test_tolerated_files_are_counted_per_batch_date_and_warned_of(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    tolerate(catalog, 1)
    faulty(catalog, FIRST, DAY).refuse_faults()
    assert "2013-01-01/airlines-0.csv: is cut: tolerated, the run continues without this file" in caplog.text
    assert "2013-01-02/airlines-1.csv: is cut: tolerated" in caplog.text
    with pytest.raises(NightshiftError, match=r"3 files .* 1 of each batch date are tolerated"):
        faulty(catalog, FIRST, DAY, DAY).refuse_faults()
