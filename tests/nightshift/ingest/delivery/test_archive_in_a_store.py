"""What is verified where landing zone and archive lie on a disk or in an object store, in all four ways."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift.dates import BatchDates
from nightshift.errors import StoreUnreachableError
from nightshift.home.settings import Settings, get_settings
from nightshift.ingest.delivery import Delivery, Folder, verify
from nightshift.storage import Location, StoreError
from tests.s3_server import S3Server
from tests.sent_deliveries import OneSource, manifest, parquet, things
from tests.shop import DAY

CSV = b"code,amount,day\na,1,2024-01-02\n"
JSON = gzip.compress(b'{"code": "a", "amount": 1, "day": "2024-01-02"}\n', mtime=0)
PARQUET = parquet(pa.table({"code": ["a", "b"], "amount": [1, 2], "day": pa.array([19724, 19724], pa.date32())}))
FILES = {
    "csv": (CSV, 1, "things.csv"),
    "jsonl": (JSON, 1, "things.jsonl.gz"),
    "parquet": (PARQUET, 2, "things.parquet"),
}
DAYS_FOLDER = f"any/{DAY}"


@pytest.fixture(params=["landing on S3", "landing on a disk"])
def landing(request: pytest.FixtureRequest, home: Settings, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Location:
    """Where a delivery is put; the archive is on S3."""
    monkeypatch.setenv("NIGHTSHIFT_ARCHIVE_URL", f"s3://{s3.new_bucket()}/archive")
    if request.param == "landing on S3":
        monkeypatch.setenv("NIGHTSHIFT_LANDING_URL", f"s3://{s3.new_bucket()}/landing")
    get_settings.cache_clear()
    return get_settings().landing


@pytest.fixture(autouse=True)
def settings_of_the_environment() -> Iterator[None]:
    yield
    get_settings.cache_clear()


def sent(landing: Location, form: str, content: bytes | None = None, promised: bytes | None = None) -> OneSource:
    """Put a delivery of one file there."""
    sound, rows, name = FILES[form]
    content = sound if content is None else content
    (landing / DAYS_FOLDER / name).write(content)
    promise = manifest(DAY, {name: (content if promised is None else promised, rows)})
    (landing / DAYS_FOLDER / "manifest.json").write(promise.encode())
    return OneSource(things({"file": name, "format": form}))


def verified(catalog: OneSource) -> Delivery:
    return verify(catalog, BatchDates.of(DAY))


def archived() -> list[str]:
    return [file.name for file in get_settings().archive.walk()]


@pytest.mark.parametrize("form", FILES)
def test_a_sound_file_is_kept_bit_for_bit(landing: Location, form: str) -> None:
    delivery = verified(sent(landing, form))
    assert delivery.faults == ()
    (file,) = delivery.files
    content, rows, _ = FILES[form]
    digest = hashlib.sha256(content).hexdigest()
    assert (file.sha256, file.rows) == (digest, rows)
    assert file.path.read() == content
    assert archived() == [f"any/{digest[:2]}/{digest}.{form}{'.gz' if form == 'jsonl' else ''}"]


@pytest.mark.parametrize(
    ("form", "content", "said"),
    [
        ("csv", CSV[::-1], "has SHA-256"),
        ("jsonl", JSON[::-1], "has SHA-256"),
        ("parquet", PARQUET[::-1], "has SHA-256"),
        ("parquet", PARQUET + b"more", "bytes, the manifest says"),
    ],
)
def test_what_its_manifest_does_not_promise_is_told_and_not_kept(
    landing: Location, form: str, content: bytes, said: str
) -> None:
    (fault,) = verified(sent(landing, form, content, promised=FILES[form][0])).faults
    assert said in fault.reason
    assert archived() == []


@pytest.mark.parametrize(
    ("form", "content", "said"),
    [
        ("csv", CSV.replace(b"amount", b"sum"), "lacks 'amount'"),
        ("jsonl", JSON[:-5], "is a gzip file that is cut"),
        ("parquet", PARQUET[:-5], "is not a readable Parquet file"),
        ("parquet", parquet(pa.table({"code": ["a", "b"]})), "lacks 'amount'"),
    ],
)
def test_a_faulty_file_is_told_and_not_kept_though_its_digest_is_right(
    landing: Location, form: str, content: bytes, said: str
) -> None:
    (fault,) = verified(sent(landing, form, content)).faults
    assert said in fault.reason
    assert archived() == []


def test_a_parquet_file_that_is_exchanged_between_two_looks_is_no_good_one(
    landing: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its values are read from the landing zone, when its bytes are on their way into the archive."""
    catalog, real = sent(landing, "parquet"), pq.ParquetFile

    def exchanged(stream: Any, **options: Any) -> Any:
        (landing / DAYS_FOLDER / "things.parquet").write(PARQUET.replace(b"a", b"z"))
        return real(stream, **options)

    monkeypatch.setattr(pq, "ParquetFile", exchanged)
    (fault,) = verified(catalog).faults
    assert "is exchanged while it is read" in fault.reason
    assert archived() == []


def test_a_store_that_breaks_off_while_parquet_is_read_is_no_damage_of_the_file(
    landing: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, real, opened = sent(landing, "parquet"), Folder.open, []

    class Broken:
        def __init__(self, stream: IO[bytes]) -> None:
            self.stream = stream

        def read(self, size: int = -1) -> bytes:
            raise StoreError("s3://landing: Generic S3 error: connection reset")

        def __getattr__(self, name: str) -> Any:
            return getattr(self.stream, name)

        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *_: object) -> None:
            self.stream.close()

    def second_is_broken(self: Folder, name: str) -> Any:
        stream = real(self, name)
        opened.append(name)
        return Broken(stream) if opened.count("things.parquet") == 2 else stream

    monkeypatch.setattr(Folder, "open", second_is_broken)
    with pytest.raises(StoreUnreachableError, match=r"things\.parquet can't be read: s3://landing: Generic S3 error"):
        verified(catalog)
    assert archived() == []


def large(form: str) -> tuple[bytes, int]:
    """A file of 60 MB, and its rows; of Parquet in one row group."""
    if form == "csv":
        rows = 4_000_000
        return b"code,amount,day\n" + b"a,1,2024-01-02\n" * rows, rows
    rows = 500_000
    days = pa.array([19724] * rows, pa.date32())
    table = pa.table({"code": [f"{number:0110}" for number in range(rows)], "amount": range(rows), "day": days})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="none", use_dictionary=False, row_group_size=rows)
    return sink.getvalue().to_pybytes(), rows


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("landing", ["landing on S3"], indirect=True)
def test_no_file_is_held_in_memory(landing: Location, form: str) -> None:
    """Neither as it comes nor as it goes; what obstore holds besides is bounded by the parts of an upload."""
    content, rows = large(form)
    name = f"things.{form}"
    (landing / DAYS_FOLDER / name).write(content)
    (landing / DAYS_FOLDER / "manifest.json").write(manifest(DAY, {name: (content, rows)}).encode())
    catalog, arrow = OneSource(things({"file": name, "format": form})), pa.default_memory_pool()
    pool = pa.proxy_memory_pool(arrow)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        delivery = verified(catalog)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(arrow)
    assert delivery.faults == ()
    assert len(content) > 60e6
    assert max(most, pool.max_memory()) < 30e6
