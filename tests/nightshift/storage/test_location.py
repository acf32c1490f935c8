"""Files by path and by URL: the same calls, the same answers."""

from __future__ import annotations

import io
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift.errors import SettingsError, StoreUnreachableError
from nightshift.home.outside_errors import explained, unusable
from nightshift.storage import Location, StoreError
from nightshift.storage.files import PIECE
from tests.s3_server import S3Server

KEYS = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ODD_NAMES = ("a b.csv", "ä#1.csv", "50%20.csv", "a+b=c&d.csv", "x*y[1]?.csv", "batch_date=2024-01-01")


@pytest.fixture(params=["folder", "S3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty place."""
    if request.param == "folder":
        return Location.of(tmp_path / "lake")
    server: S3Server = request.getfixturevalue("s3")
    return Location.of(f"s3://{server.new_bucket()}/lake?endpoint_override=127.0.0.1:{server.port}&scheme=http")


def test_a_file_is_written_read_listed_and_removed(place: Location) -> None:
    """Each call has the same outcome in both kinds of places."""
    file = place / "table" / "part.parquet"
    assert file.find() is None
    file.write(b"rows")
    (place / "note").write(b"")
    found = file.find()
    assert found is not None
    assert (found.name, found.bytes) == ("part.parquet", 4)
    assert file.read() == b"rows"
    assert place.folders() == ["table"]
    assert [each.name for each in place.files()] == ["note"]
    assert sorted(each.name for each in place.walk()) == ["note", "table/part.parquet"]
    file.flush()
    file.delete()
    file.delete()
    assert not file.exists()
    place.delete_folder()
    place.delete_folder()
    assert (list(place.walk()), place.folders(), place.files()) == ([], [], [])


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_is_taken_as_it_is(place: Location, name: str) -> None:
    """No letter of a name is a pattern, a query or an escape."""
    (place / name).write(name.encode())
    assert [each.name for each in place.walk()] == [name]
    assert (place / name).read() == name.encode()


def test_a_large_file_goes_in_pieces(place: Location) -> None:
    """Neither side holds it as a whole."""
    pieces = 25
    with (place / "large").writing() as stream:
        for number in range(pieces):
            stream.write(bytes([number]) * PIECE)
    assert [chunk[:1] for chunk in (place / "large").chunks()] == [bytes([number]) for number in range(pieces)]


@pytest.mark.parametrize("size", [10, 30 * PIECE])
def test_a_write_that_fails_leaves_what_was_there(place: Location, size: int) -> None:
    """Nobody sees half of a file, and no rest is listed."""
    (place / "file").write(b"before")

    def fail() -> None:
        with (place / "file").writing() as stream:
            stream.write(b"x" * size)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (place / "file").read() == b"before"
    assert [each.name for each in place.walk()] == ["file"]


def test_of_those_who_create_a_file_one_wins(place: Location) -> None:
    """All others are told, and what the one wrote stays."""

    def create(number: int) -> int | None:
        try:
            (place / "mark").create(str(number).encode())
        except FileExistsError as error:
            assert "mark" in str(error)
            return None
        return number

    with ThreadPoolExecutor(4) as pool:
        won = [each for each in pool.map(create, range(8)) if each is not None]
    assert [str(each).encode() for each in won] == [(place / "mark").read()]


def test_what_killed_writers_left_is_removed_once_it_is_old(place: Location) -> None:
    """One that is being written stays, and so does all else."""
    (place / "table" / "file").write(b"")
    with (place / "table" / "other").writing() as stream:
        stream.write(b"x")
        stream.flush()
        place.delete_unfinished(60)
    assert sorted(each.name for each in place.walk()) == ["table/file", "table/other"]
    if not place.is_remote:
        rest = place.path / "table" / f".{uuid.uuid4().hex}.unfinished"
        rest.write_bytes(b"")
        os.utime(rest, (0, 0))
        place.delete_unfinished(60)
        assert not rest.exists()
    (place / "nothing").delete_unfinished(0)


def test_what_is_written_again_has_another_stamp(place: Location) -> None:
    """By it a change is noticed without reading the file."""
    file = place / "file"
    file.write(b"some rows")
    before = file.find()
    assert before == file.find()
    file.write(b"SOME rows")
    after = file.find()
    assert before is not None
    assert after is not None
    assert before.bytes == after.bytes
    assert before.stamp != after.stamp


def test_arrow_reads_and_writes_it(place: Location) -> None:
    """Libraries take what is opened for a file of Python's."""
    rows = pa.table({"number": list(range(1000))})
    with (place / "rows.parquet").writing() as stream:
        pq.write_table(rows, stream)
    with (place / "rows.parquet").open() as stream:
        assert pq.read_table(stream) == rows
        stream.seek(-4, io.SEEK_END)
        assert stream.read() == b"PAR1"


def test_what_is_not_there_is_told_by_name(place: Location) -> None:
    """The error is Python's own."""
    with pytest.raises(FileNotFoundError, match="nothing"):
        (place / "nothing").read()


@pytest.mark.parametrize("place", ["S3"], indirect=True)
def test_a_bucket_that_is_not_there_is_for_a_person(place: Location) -> None:
    """It will not come by itself."""
    other = Location("s3://another/lake", place.query)
    with pytest.raises(StoreError, match=r"s3://another/.*no such bucket") as raised:
        other.write(b"")
    with pytest.raises(StoreError, match=r"s3://another/.*no such bucket"):
        list(other.walk())
    assert isinstance(unusable(other, raised.value), SettingsError)
    assert isinstance(explained(raised.value), SettingsError)


def test_a_store_that_does_not_answer_may_answer_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, in the call and by the scheduler."""
    monkeypatch.setattr("nightshift.storage.object_store.RETRIES", 1)
    for name in KEYS:
        monkeypatch.setenv(name, "testing")
    silent = Location.of("s3://bucket/lake?endpoint_override=127.0.0.1:1&scheme=http")
    with pytest.raises(StoreError, match="s3://bucket/lake") as raised:
        silent.read()
    assert "\n" not in str(raised.value)
    assert isinstance(explained(raised.value), StoreUnreachableError)


@pytest.mark.parametrize(
    ("text", "spark", "pattern"),
    [
        ("/lake/a b", "/lake/a b", "/lake/a b"),
        ("/lake?x", "/lake?x", r"/lake\?x"),
        ("s3://bucket/lake/", "s3a://bucket/lake", "s3a://bucket/lake"),
        ("s3://bucket/[1]?endpoint_override=h:1", "s3a://bucket/[1]", r"s3a://bucket/\[1\]"),
        ("abfss://box@account/lake", "abfss://box@account/lake", "abfss://box@account/lake"),
    ],
)
def test_spark_has_names_of_its_own(text: str, spark: str, pattern: str) -> None:
    """Where it takes a pattern, each letter stands for itself."""
    assert Location.of(text).for_spark == spark
    assert Location.of(text).spark_pattern == pattern


def test_what_needs_a_disk_refuses_a_store() -> None:
    """The message names the place."""
    assert Location.of("/lake").path == Path("/lake")
    with pytest.raises(SettingsError, match="s3://bucket/lake lies in an object store"):
        _ = Location.of("s3://bucket/lake").path


def test_a_place_has_parts() -> None:
    """They are told alike for paths and URLs."""
    for root in ("/lake", "s3://bucket/lake"):
        file = Location.of(root) / "gold" / "scores"
        assert (file.name, str(file.parent), file.relative_to(Location.of(root))) == (
            "scores",
            f"{root}/gold",
            "gold/scores",
        )
    with pytest.raises(ValueError, match="does not lie below"):
        Location.of("/lakes/a").relative_to(Location.of("/lake"))
