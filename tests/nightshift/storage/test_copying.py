"""A folder is copied between places whole and proved, whatever interrupts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from itertools import pairwise
from pathlib import Path

import pytest

from nightshift.errors import ConflictError, SettingsError, UsageError
from nightshift.home.settings import PROJECT_DIR
from nightshift.storage import Location, StoreError, copying, disk
from nightshift.storage.copying import Progress, copy_folder
from nightshift.storage.files import PIECE
from tests.s3_server import S3Server

SLICE = "gold/flights/scores/attempt=7/batch_date=2024-01-01"
FILES = {
    "empty": b"",
    "a b/ä#1 50%20+c&d.csv": b"a name with letters that mean something in a URL",
    f"{SLICE}/part-0.parquet": os.urandom(3 * PIECE + 1),
    "gold/flights/scores/_delta_log/00000000000000000000.json": b"{}",
    **{f"many/{number:03d}": str(number).encode() for number in range(100)},
}
CODE = """
import sys, time
from nightshift.storage import Location
from nightshift.storage.copying import copy_folder
copy_folder(Location.of(sys.argv[1]), Location.of(sys.argv[2]), lambda done: print(done.files, flush=True))
"""


def place_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    if kind == "S3":
        server: S3Server = request.getfixturevalue("s3")
        return Location.of(f"s3://{server.new_bucket()}/lake")
    return Location.of(tmp_path / uuid.uuid4().hex / "lake")


@pytest.fixture(params=["folder → S3", "S3 → folder", "folder → folder", "S3 → S3"])
def ways(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Location, Location]:
    """A full place and an empty one."""
    first, _, second = request.param.partition(" → ")
    source, target = place_of(first, request, tmp_path), place_of(second, request, tmp_path)
    for name, content in FILES.items():
        (source / name).write(content)
    return source, target


@pytest.fixture
def source(tmp_path: Path) -> Location:
    """Ten files in a folder."""
    made = Location.of(tmp_path / "source")
    for number in range(10):
        (made / f"file-{number}").write(bytes([number]) * 100)
    return made


@pytest.fixture(params=["folder", "S3"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty place."""
    return place_of(request.param, request, tmp_path)


def held(place: Location) -> dict[str, bytes]:
    return {file.name: (place / file.name).read() for file in place.walk()}


def test_all_files_come_over_and_each_is_reported(ways: tuple[Location, Location]) -> None:
    source, target = ways
    told: list[Progress] = []
    done = copy_folder(source, target, told.append)
    assert held(target) == FILES
    size = sum(map(len, FILES.values()))
    assert done == told[-1] == Progress(len(FILES), size, len(FILES), size, 0)
    assert told[0] == Progress(len(FILES), size)
    assert [each.files for each in told] == list(range(len(FILES) + 1))
    assert all(before.bytes <= after.bytes for before, after in pairwise(told))


def test_what_is_there_is_left_and_what_differs_is_replaced(ways: tuple[Location, Location]) -> None:
    source, target = ways
    (target / "empty").write(b"not empty")
    (target / "many/007").write(b"8")
    (target / "many/008").write(b"8")
    (target / "of another").write(b"stays")
    before = (target / "many/008").find()
    assert copy_folder(source, target).skipped == 1
    assert held(target) == {**FILES, "of another": b"stays"}
    assert (target / "many/008").find() == before, "not written again"
    stamps = {file.name: file.stamp for file in target.walk()}
    assert copy_folder(source, target).skipped == len(FILES)
    assert {file.name: file.stamp for file in target.walk()} == stamps


def test_a_copy_that_was_broken_off_is_resumed(source: Location, target: Location) -> None:
    class BrokenOffError(Exception):
        pass

    def break_off(done: Progress) -> None:
        if done.files == 3:
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        copy_folder(source, target, break_off)
    there = held(target)
    assert len(there) >= 3
    assert there.items() <= held(source).items(), "nothing half"
    done = copy_folder(source, target)
    assert (done.files, done.skipped) == (10, len(there))
    assert held(target) == held(source)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_copy_that_is_killed_leaves_no_half_file(
    source: Location, target: Location, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        (source / f"large-{number}").write(os.urandom(40 * PIECE))
    child = subprocess.Popen(
        [sys.executable, "-c", CODE, str(source), str(target)], stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR
    )
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) >= after:
            break
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    whole = held(source)
    there = held(target)
    assert there.items() <= whole.items()
    monkeypatch.setattr(copying, "_IDLE_SECONDS", 0)
    assert copy_folder(source, target).skipped == len(there)
    assert held(target) == whole
    if not target.is_remote:
        assert len([path for path in target.path.rglob("*") if path.is_file()]) == len(whole), "no rest stays"


def test_what_does_not_arrive_as_it_was_sent_is_removed(
    source: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = disk.DISK.flush

    def decay(key: str) -> None:
        """A disk that loses a bit of one file."""
        flush(key)
        if key.endswith("file-4"):
            Path(key).write_bytes(b"\xff" + Path(key).read_bytes()[1:])

    monkeypatch.setattr(disk.DISK, "flush", decay)
    target = Location.of(tmp_path / "target")
    with pytest.raises(StoreError, match=r"file-4 does not hold what was written"):
        copy_folder(source, target)
    assert not (target / "file-4").exists()
    assert held(target).items() <= held(source).items()


def test_a_source_that_changes_is_refused(source: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def add(done: Progress) -> None:
        if done.files == 0:
            (source / "new").write(b"")

    with pytest.raises(ConflictError, match=r"had 10 files when this began, and 11 when it ended"):
        copy_folder(source, Location.of(tmp_path / "target"), add)

    flush = disk.DISK.flush

    def rewrite(key: str) -> None:
        flush(key)
        if key.endswith("file-4"):
            (source / "file-4").write(b"others")

    monkeypatch.setattr(disk.DISK, "flush", rewrite)
    with pytest.raises(ConflictError, match=r"file-4 changed while it was copied"):
        copy_folder(source, Location.of(tmp_path / "another"))


def test_a_file_that_can_not_be_read_ends_it_by_name(source: Location, target: Location) -> None:
    # No user may read a folder as a file.
    (source / "file-10").write(b"")
    (source.path / "file-10").unlink()
    (source.path / "file-10").symlink_to(source.path / "gone")
    with pytest.raises(SettingsError, match=r"file-10 leads to no file"):
        copy_folder(source, target)
    (source.path / "file-10").unlink()
    (source.path / "linked").symlink_to("/usr")
    with pytest.raises(SettingsError, match=r"linked is a link to a folder"):
        copy_folder(source, target)
    assert held(target) == {}


def test_a_place_within_the_other_is_refused(source: Location, tmp_path: Path) -> None:
    (tmp_path / "other name").symlink_to(source.path)
    for target in (source, source / "below", source.parent, Location.of(tmp_path / "other name" / "below")):
        with pytest.raises(UsageError, match="lies in the other"):
            copy_folder(source, target)
    store = Location.of("s3://bucket/lake")
    with pytest.raises(UsageError, match="lies in the other"):
        copy_folder(store, store / "below")
    beside = Location.of(f"{source}-beside")
    assert copy_folder(source, beside).files == 10


def test_a_mark_of_a_folder_is_no_file(s3: S3Server, tmp_path: Path) -> None:
    """Consoles of stores make them."""
    bucket = s3.new_bucket()
    for key in ("lake/gold/", "lake/gold/part", "lake/nothing/"):
        s3.client().put_object(Bucket=bucket, Key=key, Body=b"")
    target = Location.of(tmp_path / "target")
    copy_folder(Location.of(f"s3://{bucket}/lake"), target)
    assert held(target) == {"gold/part": b""}


def test_an_empty_place_is_copied_as_nothing(target: Location, tmp_path: Path) -> None:
    assert copy_folder(Location.of(tmp_path / "nothing"), target) == Progress(0, 0)
    assert held(target) == {}
