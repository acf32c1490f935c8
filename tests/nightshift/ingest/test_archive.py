"""The archive: a file is there whole, under its digest, or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from nightshift.ingest import archive

CONTENT = b"content"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive" / "any"


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def keep(root: Path, content: bytes = CONTENT) -> Path:
    with archive.deposit(root) as copy:
        for byte in content:
            copy.write(bytes([byte]))
        return copy.keep(".csv")


def test_a_file_lies_under_its_digest_and_can_not_be_written(root: Path) -> None:
    path = keep(root)
    assert files(root) == [f"{DIGEST[:2]}/{DIGEST}.csv"]
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o222 == 0


def test_a_file_that_is_not_kept_is_gone_also_after_an_error(root: Path) -> None:
    with pytest.raises(RuntimeError), archive.deposit(root) as copy:
        copy.write(CONTENT)
        assert len(files(root)) == 1
        raise RuntimeError
    assert files(root) == []


def test_a_copy_that_was_spoilt_heals_when_its_file_comes_again(root: Path) -> None:
    path = keep(root)
    path.chmod(0o644)
    path.write_bytes(b"spoilt!")
    assert keep(root) == path
    assert path.read_bytes() == CONTENT


def test_a_reader_of_the_old_copy_reads_on(root: Path) -> None:
    with keep(root).open("rb") as reader:
        keep(root)
        assert reader.read() == CONTENT


def test_finished_files_move_in(root: Path, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT)
    path, digest = archive.keep(root, tmp_path / "part", ".parquet")
    assert (path.name, digest) == (f"{DIGEST}.parquet", DIGEST)


def test_what_a_killed_run_left_is_swept_and_what_others_write_now_stays(root: Path) -> None:
    with archive.deposit(root) as running:
        left = running.path.with_name("left")
        left.write_bytes(CONTENT)
        os.utime(left, (0, 0))
        archive.sweep(root)
        assert files(root) == [f"incoming/{running.path.name}"]
