"""Reading landed files once, as bytes: digest, size, record count, integrity and declared columns."""

from __future__ import annotations

import codecs
import csv
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from nightshift.tables import Source, Table

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["csv", "jsonl", "parquet"]

CHUNK = 2**20
HEADER_BYTES = 2**20
GZIP = 16 + zlib.MAX_WBITS


class FileFaultError(Exception):
    """What is wrong with a file, in words that follow its name."""

    def __init__(self, reason: str, sha256: str | None = None) -> None:
        """Args: the reason, and the file's digest where it is known."""
        super().__init__(reason)
        self.sha256 = sha256


@dataclass(frozen=True)
class Contents:
    """What a file was found to be.

    Attributes:
        size: in bytes.
        rows: records, without the header line of a CSV file.
        damage: why the content can't be read, in words; None where it can.
        header: first line of a text file, without its line end.
        schema: for Parquet.
    """

    size: int
    sha256: str
    rows: int
    damage: str | None = None
    header: bytes = b""
    schema: pa.Schema | None = None


def read_contents(path: Path, form: Format) -> Contents:
    """Stream a file once and take stock of it."""
    reader = _HashingReader(path.open("rb"))
    with reader.file:
        if form == "parquet":
            for _ in reader.chunks():
                pass
            return _parquet_contents(path, reader)
        lines = _LineCounter()
        damage: str | None = None
        try:
            for chunk in _unzipped(reader.chunks()) if path.suffix == ".gz" else reader.chunks():
                lines.feed(chunk)
        except FileFaultError as error:
            damage = str(error)
            for _ in reader.chunks():  # the digest is of the whole file, whatever its content
                pass
    header_lines = 1 if form == "csv" else 0
    if form == "csv" and lines.count == 0 and damage is None:
        damage = "has no header line"
    return Contents(reader.bytes, reader.sha256, max(lines.count - header_lines, 0), damage, lines.first)


def check_columns(table: Table, source: Source, contents: Contents) -> None:
    """Hold a file's columns against the declaration. JSON Lines name theirs in every record: checked there.

    Raises:
        FileFaultError: naming the columns that are missing, unexpected, or of another type.
    """
    declared = [column.name for column in table.delivered_columns]
    if source.format == "csv":
        found = _header_columns(contents.header)
        _check_names(declared, found)
        if found != declared:
            raise FileFaultError(f"has its columns in the order {','.join(found)}; declared is {','.join(declared)}")
    if source.format == "parquet" and contents.schema is not None:
        _check_names(declared, list(contents.schema.names))
        wrong = [
            f"{column.name} is {contents.schema.field(column.name).type}, declared is {column.type}"
            for column in table.delivered_columns
            if not _fits(contents.schema.field(column.name).type, column.type)
        ]
        if wrong:
            raise FileFaultError(f"has columns of other types: {'; '.join(wrong)}")


class _HashingReader:
    """Reads a file in chunks and knows size and digest of what went through."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.bytes = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        while chunk := self.file.read(CHUNK):
            self.bytes += len(chunk)
            self._digest.update(chunk)
            yield chunk


class _LineCounter:
    """Counts lines that end in LF, and a last one without; keeps the first."""

    def __init__(self) -> None:
        self.first = b""
        self._ends = 0
        self._last = b"\n"

    def feed(self, chunk: bytes) -> None:
        if not chunk:
            return
        if self._ends == 0 and len(self.first) < HEADER_BYTES:
            self.first += chunk.partition(b"\n")[0]
        self._ends += chunk.count(b"\n")
        self._last = chunk[-1:]

    @property
    def count(self) -> int:
        return self._ends + (self._last != b"\n")


def _unzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The decompressed bytes of one or several gzip members, a bounded piece at a time."""
    member = zlib.decompressobj(GZIP)
    begun = False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if member.eof:
                    member = zlib.decompressobj(GZIP)
                begun = True
                yield member.decompress(rest, CHUNK)
                rest = member.unused_data if member.eof else member.unconsumed_tail
        while not member.eof:
            rest = member.decompress(b"", CHUNK)
            if not rest:
                raise FileFaultError("is a gzip file that is cut: its end is missing" if begun else "is an empty file")
            yield rest
    except zlib.error as error:
        raise FileFaultError(f"is not a sound gzip file: {error}") from error


def _parquet_contents(path: Path, reader: _HashingReader) -> Contents:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            # Reading every page finds damage that the footer does not show.
            rows = sum(batch.num_rows for batch in file.iter_batches())
            return Contents(reader.bytes, reader.sha256, rows, schema=file.schema_arrow)
    except (pa.ArrowException, OSError, ValueError) as error:
        return Contents(reader.bytes, reader.sha256, 0, f"is not a readable Parquet file: {error}")


def _header_columns(header: bytes) -> list[str]:
    if header.startswith(codecs.BOM_UTF8):
        raise FileFaultError("begins with a byte order mark; files are UTF-8 without one")
    try:
        text = header.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFaultError(f"has a header line that is not UTF-8: {error}") from error
    return next(csv.reader([text]), [])


def _check_names(declared: list[str], found: list[str]) -> None:
    missing = [name for name in declared if name not in found]
    unexpected = [name for name in found if name not in declared]
    twice = sorted({name for name in found if found.count(name) > 1})
    faults = [
        f"{what} {', '.join(repr(name) for name in names)}"
        for what, names in (("lacks", missing), ("has the undeclared", unexpected), ("has twice", twice))
        if names
    ]
    if faults:
        raise FileFaultError(f"has other columns than declared: it {' and '.join(faults)}")


def _fits(found: pa.DataType, declared: str) -> bool:
    """Whether a Parquet column can be read as the declared type without loss."""
    import pyarrow as pa

    if declared == "timestamp":
        return pa.types.is_timestamp(found) and found.tz is not None and found.unit in ("ms", "us")
    fitting = {
        "string": (pa.string(), pa.large_string()),
        "int": (pa.int8(), pa.int16(), pa.int32()),
        "bigint": (pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        "double": (pa.float32(), pa.float64()),
        "boolean": (pa.bool_(),),
        "date": (pa.date32(),),
    }
    return found in fitting[declared]
