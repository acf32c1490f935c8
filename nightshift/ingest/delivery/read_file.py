"""Reading a landed file once, as bytes: into the archive, with digest, size, record count, integrity and columns."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Literal

from nightshift.ingest.archive import Deposit, archiving
from nightshift.ingest.delivery.text_lines import Lines, LinesFaultError
from nightshift.storage import StoreError
from nightshift.storage.files import PIECE

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from nightshift.ingest.delivery.delivered_folder import Folder
    from nightshift.storage import File

Format = Literal["csv", "jsonl", "parquet"]
GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Contents:
    """What a file was found to be.

    Attributes:
        size: in bytes.
        rows: records, without the header line of a CSV file.
        damage: why the content can't be read, in words; None where it can.
        columns: names in the file's own order; of JSON Lines the keys that occur (`Lines.columns`).
        sample: some values of the text columns, by name; None for what is no value.
        schema: for Parquet.
        odd: what Spark can't read in a Parquet file, in words that follow the file's name, by the column's path.
        unread: nested columns of a Parquet file, of which not even Arrow can read the values.
    """

    size: int
    sha256: str
    rows: int = 0
    damage: str | None = None
    columns: tuple[str, ...] = ()
    sample: Mapping[str, list[str | None]] = field(default_factory=dict)
    schema: pa.Schema | None = None
    odd: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


class Reader:
    """One file on its way from a delivery into the archive."""

    def __init__(
        self, folder: Folder, name: str, form: Format, copy: Deposit, declared: Set[str] = frozenset()
    ) -> None:
        self.folder = folder
        self.name = name
        self.form = form
        self.copy = copy
        self.declared = declared
        self.zipped = is_zipped(form, name)

    def read(self) -> Contents:
        """Stream the file and take stock of it.

        Raises:
            OSError: if it can't be read.
            NightshiftError: if the archive can't be written, or read back.
        """
        before = self.folder.find(self.name)
        size = before.bytes
        lines = Lines(self.form, self.declared) if self.form != "parquet" else None
        damage: str | None = None
        with self.folder.open(self.name) as stream:
            chunks = self._copied(stream, size)
            try:
                for chunk in _unzipped(chunks) if self.zipped else chunks:
                    if lines is not None:
                        lines.feed(chunk)
                if lines is not None:
                    lines.end()
            except LinesFaultError as error:
                damage = str(error)
            for _ in chunks:  # the digest is of the whole file, whatever its content
                pass
            if stream.read(1) or self.copy.bytes < size:
                now = self.folder.find(self.name).bytes
                damage = f"changes its size while it is read: {size} bytes at first, then {now}"
        if lines is None:
            return self._parquet(before, damage)
        found = Contents(self.copy.bytes, self.copy.sha256, lines.rows, damage)
        if damage is not None:
            return found
        try:
            return Contents(found.size, found.sha256, found.rows, None, lines.columns(), lines.sample())
        except LinesFaultError as error:
            return Contents(found.size, found.sha256, found.rows, str(error))

    def _copied(self, stream: IO[bytes], size: int) -> Iterator[bytes]:
        """The file's bytes as they go into the archive; no more of them than it had at first."""
        while chunk := stream.read(min(PIECE, size - self.copy.bytes)):
            with archiving(self.copy.archive):
                self.copy.write(chunk)
            yield chunk

    def _parquet(self, before: File, damage: str | None) -> Contents:
        import pyarrow as pa

        from nightshift.ingest.delivery.parquet_stream import parquet_stream
        from nightshift.ingest.delivery.parquet_types import is_nested, unreadable_pages

        size, sha256 = self.copy.bytes, self.copy.sha256
        if damage is not None:
            return Contents(size, sha256, damage=damage)
        with archiving(self.copy.archive):
            copied = self.copy.so_far()
        try:
            with (
                copied.open("rb") if copied else self.folder.open(self.name) as stream,
                parquet_stream(stream, is_checked=True) as file,
            ):
                schema, unread = file.schema_arrow, ()
                try:
                    rows, odd = _values(file)
                except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                    # Arrow's own writer makes lists of a fixed size, with nulls among them, that it can't read.
                    unread = tuple(field.name for field in schema if is_nested(field.type))
                    if not unread:
                        raise
                    rows, odd = _values(file, [name for name in schema.names if name not in unread])
                odd |= unreadable_pages(file.metadata)
                columns = tuple(schema.names)
                found = Contents(size, sha256, rows, columns=columns, schema=schema, odd=odd, unread=unread)
        except (pa.ArrowException, OSError, ValueError) as error:
            # Of a damaged file Arrow says that in an OSError too, but in one without the system's number.
            if isinstance(error, OSError) and (error.errno is not None or isinstance(error, StoreError)):
                with archiving(self.copy.archive) if copied else contextlib.nullcontext():
                    raise
            found = Contents(size, sha256, damage=f"is not a readable Parquet file: {error}")
        # What an archive in a store got can't be read before it is kept, so the delivered file is, a second time.
        if copied is None and self.folder.find(self.name) != before:
            return Contents(size, sha256, damage="is exchanged while it is read")
        return found


def is_zipped(form: Format, name: str) -> bool:
    """Whether a file's bytes are gzip's; Parquet has a compression of its own."""
    return form != "parquet" and name.endswith(".gz")


def archived_suffix(form: Format, name: str) -> str:
    """What a file's name ends in within the archive; by it Spark knows how to read it."""
    return f".{form}{'.gz' if is_zipped(form, name) else ''}"


def _values(file: pq.ParquetFile, columns: list[str] | None = None) -> tuple[int, dict[str, str]]:
    """Rows, counted while every page is read, as damage does not show in the footer; and what Spark can't read."""
    from nightshift.ingest.delivery.parquet_types import unreadable_values

    rows = 0
    odd: dict[str, str] = {}
    for batch in file.iter_batches(columns=columns):
        rows += batch.num_rows
        odd |= unreadable_values(batch)
    return rows, odd


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
                yield member.decompress(rest, PIECE)
                rest = member.unused_data if member.eof else member.unconsumed_tail
        while not member.eof:
            rest = member.decompress(b"", PIECE)
            if not rest:
                raise LinesFaultError("is a gzip file that is cut: its end is missing" if begun else "is an empty file")
            yield rest
    except zlib.error as error:
        raise LinesFaultError(f"is not a sound gzip file: {error}") from error
