"""Landed files that hold a person: found by reading them, whatever became of their records."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from nightshift.declarations.use_case import UseCase
from nightshift.home import scratch
from nightshift.home.outside_errors import explained
from nightshift.ingest import archive
from nightshift.ingest.delivery.parquet_types import bare
from nightshift.storage import Location

# Where extracts of databases have a JSON object of what nobody declared.
ASIDE = "extra"

if TYPE_CHECKING:
    import pyarrow as pa


def extracts(use_case: UseCase) -> Path:
    """Where rows of databases lie in clear until they are in the archive."""
    return use_case.home.staging / "extracts" / use_case.name


def remove_clear_leftovers(use_case: UseCase) -> None:
    """Remove what killed runs left of deliveries outside of the archive's named files.

    A run that brings a delivery in just now fails, and finds all of it again when it is run again.
    """
    scratch.sweep(extracts(use_case))
    archive.sweep(archive.of(use_case), older_than=0)


def files_with(folder: Location, value: str) -> dict[str, list[int]]:
    """The files below a folder in which a field equals ``value``, each with its lines or, for Parquet, records.

    They are named by their places below the folder.

    A line that can't be parsed, or is nested too deeply for that, counts if the value stands anywhere in it.
    """
    names = sorted(file.name for file in folder.walk())
    found = {name: list(_places(folder / name, value)) for name in names}
    return {name: places for name, places in found.items() if places}


def _places(place: Location, value: str) -> Iterator[int]:
    suffixes = [suffix for suffix in PurePosixPath(place.name).suffixes if suffix != ".gz"]
    if ".parquet" in suffixes:
        yield from _parquet_records(place, value)
    elif ".csv" in suffixes or ".jsonl" in suffixes:
        yield from _lines(place, value, is_csv=".csv" in suffixes)


def _lines(place: Location, value: str, is_csv: bool) -> Iterator[int]:
    # JSON may spell a character in several ways.
    spelled = {value, value.replace('"', '""'), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    needles = [each.encode("utf-8", "surrogatepass") for each in spelled]
    holds = _csv_holds if is_csv else _json_holds
    try:
        with place.open() as raw, cast(BinaryIO, gzip.open(raw)) if place.name.endswith(".gz") else raw as file:
            for number, line in enumerate(file, 1):
                may_hold = (b"\\u" in line and not is_csv) or any(needle in line for needle in needles)
                if may_hold and holds(line, value, needles):
                    yield number
    except (EOFError, gzip.BadGzipFile, zlib.error):
        # What follows a cut can't be read by anybody.
        return


def _csv_holds(line: bytes, value: str, needles: list[bytes]) -> bool:
    try:
        return value in next(csv.reader([line.decode("utf-8").rstrip("\r\n")], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return True


def _json_holds(line: bytes, value: str, needles: list[bytes]) -> bool:
    try:
        return value in _texts(json.loads(line, parse_int=str, parse_float=str))
    except (ValueError, RecursionError):
        return any(needle in line for needle in needles)


def _texts(parsed: Any) -> Iterator[str]:
    """All texts of a JSON value; numbers as they are written, as a column of text takes them so."""
    if isinstance(parsed, dict):
        for each in parsed.values():
            yield from _texts(each)
    elif isinstance(parsed, list):
        for each in parsed:
            yield from _texts(each)
    else:
        yield str(parsed)


def _parquet_records(place: Location, value: str) -> Iterator[int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    from nightshift.ingest.delivery.parquet_stream import parquet_stream

    try:
        with place.open() as stream, parquet_stream(stream) as file:
            texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
            before = 0
            for batch in file.iter_batches(columns=texts) if texts else ():
                hits: set[int] = set()
                for name, column in zip(batch.schema.names, batch.columns, strict=True):
                    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
                    text = storage.cast(pa.large_string())
                    is_it = pc.equal(text, value)
                    if name == ASIDE:
                        is_it = pc.or_(is_it, pc.match_substring(text, json.dumps(value, ensure_ascii=False)))
                    hits.update(pc.indices_nonzero(is_it).to_pylist())
                yield from (before + hit + 1 for hit in sorted(hits))
                before += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        # A file that is no Parquet holds no such rows; one that can't be read just now might.
        if told := explained(error):
            raise told from error


def _is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text, however it is laid out."""
    from pyarrow import types

    return bool(types.is_string(bare(kind)))
