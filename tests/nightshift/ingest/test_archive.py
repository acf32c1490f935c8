"""The archive: a file is there whole, under its digest, or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from nightshift.errors import NightshiftError, StoreUnreachableError
from nightshift.ingest import archive
from nightshift.storage import Location
from tests.s3_server import S3Server

CONTENT = b"content"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
# A store takes it in several parts.
LARGE = os.urandom(2**20) * 12


@pytest.fixture(params=["folder", "S3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An archive that is empty."""
    if request.param == "folder":
        return Location.of(tmp_path / "archive" / "any")
    s3: S3Server = request.getfixturevalue("s3")
    return Location.of(f"s3://{s3.new_bucket()}/archive/any")


on_a_disk = pytest.mark.parametrize("root", ["folder"], indirect=True)
in_a_store = pytest.mark.parametrize("root", ["S3"], indirect=True)


def files(root: Location) -> list[str]:
    return sorted(file.name for file in root.walk())


def keep(root: Location, content: bytes = CONTENT) -> Location:
    with archive.deposit(root, hashlib.sha256(content).hexdigest(), ".csv", len(content)) as copy:
        for begin in range(0, len(content), 2**20):
            copy.write(content[begin : begin + 2**20])
        return copy.keep()


@pytest.mark.parametrize("content", [b"", CONTENT, LARGE], ids=["empty", "small", "large"])
def test_a_file_lies_under_its_digest(root: Location, content: bytes) -> None:
    place, digest = keep(root, content), hashlib.sha256(content).hexdigest()
    assert files(root) == [f"{digest[:2]}/{digest}.csv"]
    assert place == archive.path_of(root, digest, ".csv")
    assert place.read() == content
    assert archive.copies(root, digest) == [f"{digest}.csv"]
    archive.remove(root, f"{digest}.csv")
    archive.remove(root, f"{digest}.csv")
    assert files(root) == archive.copies(root, digest) == []


@on_a_disk
def test_nobody_can_write_to_a_file_of_the_archive(root: Location) -> None:
    assert keep(root).path.stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
def test_a_file_that_is_not_kept_is_gone_also_after_an_error(root: Location, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    with archive.deposit(root, digest, ".csv", len(content)) as copy:
        copy.write(content)
    assert files(root) == []
    with pytest.raises(RuntimeError), archive.deposit(root, digest, ".csv", len(content)) as copy:
        copy.write(content)
        # On a disk it can be read already, and a store has nothing of it.
        assert len(files(root)) == (0 if root.is_remote else 1)
        raise RuntimeError
    assert files(root) == []


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
def test_a_file_of_another_digest_gets_no_place(root: Location, content: bytes) -> None:
    with (
        pytest.raises(OSError, match="its bytes changed on the way"),
        archive.deposit(root, DIGEST[::-1], ".csv", len(content)) as copy,
    ):
        copy.write(content)
        copy.keep()
    assert files(root) == []


@on_a_disk
def test_a_copy_that_was_spoilt_heals_when_its_file_comes_again(root: Location) -> None:
    place = keep(root)
    place.path.chmod(0o644)
    place.path.write_bytes(b"spoilt!")
    assert keep(root) == place
    assert place.read() == CONTENT


@in_a_store
def test_a_store_gets_a_file_once_unless_its_size_is_another(root: Location) -> None:
    place = keep(root)
    first = place.find()
    assert keep(root) == place
    assert place.find() == first
    place.write(CONTENT[:3])
    keep(root)
    assert place.read() == CONTENT


def test_a_reader_of_the_old_copy_reads_on(root: Location) -> None:
    with keep(root).open() as reader:
        keep(root)
        assert reader.read() == CONTENT


def test_finished_files_move_in(root: Location, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(LARGE)
    place, digest = archive.keep(root, tmp_path / "part", ".parquet")
    assert digest == hashlib.sha256(LARGE).hexdigest()
    assert place.name == f"{digest}.parquet"
    assert place.read() == LARGE


@on_a_disk
def test_what_a_killed_run_left_is_swept_and_what_others_write_now_stays(root: Location) -> None:
    with archive.deposit(root, DIGEST, ".csv", len(CONTENT)) as running:
        path = running.so_far()
        assert path is not None
        left = path.with_name("left")
        left.write_bytes(CONTENT)
        os.utime(left, (0, 0))
        archive.sweep(root)
        assert files(root) == [f"incoming/{path.name}"]


@in_a_store
def test_a_store_that_refuses_is_not_blamed_on_the_sender(root: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that is not there is for a person; a store that is away may come back."""
    gone = Location.of("s3://there-is-no-such-bucket/archive")
    refused = pytest.raises(NightshiftError, match=r"the archive s3://there-is.* can't be used: .*no such bucket")
    with refused as told, archive.archiving(gone):
        keep(gone)
    assert not told.value.temporary
    assert "the delivery is not at fault" in str(told.value)
    monkeypatch.setattr("nightshift.storage.object_store.RETRIES", 0)
    away = Location.of("s3://away/archive?endpoint_override=127.0.0.1:1&scheme=http")
    unreachable = pytest.raises(StoreUnreachableError, match="the archive s3://away/archive can't be used")
    with unreachable, archive.archiving(away):
        keep(away)
