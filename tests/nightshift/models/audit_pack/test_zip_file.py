"""A zip that is whole, and equal where its content is."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import zipfile

import pytest

from nightshift.errors import NightshiftError
from nightshift.models.audit_pack.zip_file import CONTENTS, as_csv, write_zip


def test_equal_content_gives_equal_bytes_whenever_and_however_it_was_made(tmp_path):
    file = tmp_path / "b.txt"
    file.write_text("two")
    one = write_zip(tmp_path / "one.zip", {"a": b"one", "b": file})
    os.utime(file, (1, 1))
    file.chmod(0o600)
    other = write_zip(tmp_path / "other.zip", {"b": b"two", "a": b"one"})
    assert one.read_bytes() == other.read_bytes()


def test_the_manifest_has_every_file_by_its_digest(tmp_path):
    made = write_zip(tmp_path / "new" / "one.zip", {"a/x": b"one", "b": b""})
    with zipfile.ZipFile(made) as archive:
        assert archive.namelist() == ["a/x", "b", CONTENTS]
        rows = list(csv.DictReader(io.StringIO(archive.read(CONTENTS).decode())))
    assert rows == [
        {"file": "a/x", "bytes": "3", "sha256": hashlib.sha256(b"one").hexdigest()},
        {"file": "b", "bytes": "0", "sha256": hashlib.sha256(b"").hexdigest()},
    ]


def test_a_write_that_ends_in_the_middle_leaves_what_was_there(tmp_path):
    made = write_zip(tmp_path / "one.zip", {"a": b"one"})
    before = made.read_bytes()
    with pytest.raises(FileNotFoundError):
        write_zip(made, {"a": b"one", "b": tmp_path / "is not there"})
    assert made.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["one.zip"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NightshiftError, match=r"file/one\.zip cannot be written.*--output"):
        write_zip(tmp_path / "file" / "one.zip", {})


def test_a_table_keeps_commas_and_leaves_nothing_out():
    assert as_csv(("a", "b"), [(1, "x, y"), (None, 'say "no"')]) == b'a,b\n1,"x, y"\n,"say ""no"""\n'
