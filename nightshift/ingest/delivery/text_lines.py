"""The lines of a text file, as they stream by: how many there are, which columns they have, and a few of them."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator, Sequence, Set
from typing import Literal

LINE_BYTES = 128 * 2**20
SAMPLE_BYTES = 2**18
SAMPLE_LINES = 20
# Undeclared names beyond these are data in the place of names: kept aside as all are, and not listed.
KEYS = 1000
# Names in those orders of keys that are known again at a glance, which bounds their memory.
SHAPES = 200_000
_MARKS = {codecs.BOM_UTF8: "UTF-8 with a byte order mark", codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


class LinesFaultError(Exception):
    """Why a text file can't be read, in words that follow its name."""


class Lines:
    """Takes the bytes of a text file, a piece at a time, in bounded memory.

    A line ends in LF; the last one may lack it.

    Args:
        declared: names of columns that are found however many others there are.
    """

    def __init__(self, form: Literal["csv", "jsonl"], declared: Set[str] = frozenset()) -> None:
        self.form = form
        self._ended = 0
        self._open: list[bytes] = []  # pieces of the line that has not ended yet
        self._open_bytes = 0
        self._head = b""
        self._first: bytes | None = None
        self._keys = _Keys(declared)

    @property
    def rows(self) -> int:
        """Records: lines without the header of a CSV file."""
        return max(self._ended - (self.form == "csv"), 0)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            LinesFaultError: if they can't be text of the contract.
        """
        if not chunk:
            return
        if len(self._head) < SAMPLE_BYTES:
            begins = not self._head
            self._head += chunk[:SAMPLE_BYTES]
            if begins:
                self._refuse_other_encodings(chunk)
        last = chunk.rfind(b"\n")
        if last < 0:
            self._keep_open(chunk)
            return
        whole = b"".join((*self._open, chunk[:last]))
        self._open, self._open_bytes = [], 0
        self._keep_open(chunk[last + 1 :])
        self._ended += whole.count(b"\n") + 1
        self._see(whole)

    def end(self) -> None:
        """Take the last line, where it has no line end.

        Raises:
            LinesFaultError: if there is not even a header line.
        """
        if self._open_bytes:
            self._ended += 1
            self._see(b"".join(self._open))
        if self.form == "csv" and self._ended == 0:
            raise LinesFaultError("has no header line")

    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in their order; of JSON Lines the keys that occur, up to `KEYS` undeclared ones.

        Raises:
            LinesFaultError: if the header line can't be read.
        """
        return tuple(_header(self._first or b"")) if self.form == "csv" else self._keys.names

    def sample(self) -> dict[str, list[str | None]]:
        """The values of the first records, as text; what can't be parsed is left out."""
        lines = self._head.split(b"\n")[: SAMPLE_LINES + 1]
        # The sample may end within a line.
        whole = lines if len(self._head) < SAMPLE_BYTES else lines[:-1]
        records = self._csv_sample(whole[1:]) if self.form == "csv" else _json_sample(whole)
        sample: dict[str, list[str | None]] = {}
        for record in records:
            for name, value in record.items():
                sample.setdefault(name, []).append(value)
        return sample

    def _see(self, lines: bytes) -> None:
        if self._first is None:
            self._first = lines.partition(b"\n")[0]
        if self.form == "jsonl":
            self._keys.see(lines.split(b"\n"))

    def _keep_open(self, piece: bytes) -> None:
        if piece:
            self._open.append(piece)
            self._open_bytes += len(piece)
        if self._open_bytes > LINE_BYTES:
            raise LinesFaultError(f"has a line of over {LINE_BYTES} bytes: line {self._ended + 1} does not end")

    def _refuse_other_encodings(self, begin: bytes) -> None:
        for mark, name in _MARKS.items():
            if begin.startswith(mark):
                raise LinesFaultError(f"is {name}; files are UTF-8, without a byte order mark")
        if b"\0" in begin[:4]:
            raise LinesFaultError("begins with NUL bytes, as UTF-16 does; files are UTF-8")

    def _csv_sample(self, lines: Sequence[bytes]) -> Iterator[dict[str, str | None]]:
        names = self.columns()
        for line in lines:
            fields = _fields(line.removesuffix(b"\r").decode("utf-8", "replace"))
            if fields is not None and len(fields) == len(names):
                yield {name: value or None for name, value in zip(names, fields, strict=True)}


class _Keys:
    """The keys of all JSON objects, in the order in which they first occur."""

    def __init__(self, declared: Set[str]) -> None:
        import msgspec

        self._decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        self._broken = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
        self._declared = declared
        self._shapes: set[tuple[str, ...]] = set()
        self._in_shapes = 0
        self._names: dict[str, None] = {}
        self._undeclared = 0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._names)

    def see(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            try:
                shape = tuple(self._decode(line))
            except self._broken:
                continue  # a fault of that record, which is found where records are parsed
            if shape not in self._shapes:
                self._learn(shape)

    def _learn(self, shape: tuple[str, ...]) -> None:
        if self._in_shapes + len(shape) <= SHAPES:
            self._shapes.add(shape)
            self._in_shapes += len(shape)
        for name in shape:
            if name in self._names:
                continue
            if name not in self._declared:
                if self._undeclared == KEYS:
                    continue
                self._undeclared += 1
            self._names[name] = None


def _header(line: bytes) -> list[str]:
    try:
        text = line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise LinesFaultError(f"has a header line that is not UTF-8: {error}") from error
    names = _fields(text)
    if names is None:
        raise LinesFaultError("has a header line that is not CSV")
    unnamed = [str(place) for place, name in enumerate(names, 1) if not name.strip() or not name.isprintable()]
    if unnamed:
        raise LinesFaultError(f"has a header line without a printable name for column {', '.join(unnamed)}")
    return names


def _fields(line: str) -> list[str] | None:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return None


def _json_sample(lines: Sequence[bytes]) -> Iterator[dict[str, str | None]]:
    """JSON values as text: a string in quotes, so that it is told from a number."""
    for line in lines:
        try:
            record = json.loads(line, parse_int=_Number, parse_float=_Number)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield {name: _text(value) for name, value in record.items()}


class _Number(str):
    """A JSON number, as it is written."""

    __slots__ = ()


def _text(value: object) -> str | None:
    return None if value is None else str(value) if isinstance(value, _Number) else json.dumps(value)
