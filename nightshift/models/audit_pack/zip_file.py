"""A zip file whose bytes follow from its content alone, written whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nightshift.errors import UsageError

CONTENTS = "MANIFEST.csv"
# The earliest moment that a zip can name: when a pack was made is no part of it.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16
_UNIX = 3
FileContent = bytes | Path


def write_zip(output: Path, files: Mapping[str, FileContent]) -> Path:
    """Write files, in the order of their names, and a manifest with the SHA-256 of each.

    Raises:
        NightshiftError: if the place cannot be written.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error}; say another place with --output") from error
    made = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, files)
            file.flush()
            os.fsync(file.fileno())
        # Others may read it: mkstemp makes files for their owner alone.
        made.chmod(0o644)
        made.replace(output)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    return output


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A table as CSV: UTF-8, a header, empty for what is not there."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return text.getvalue().encode()


def _write(file: Any, files: Mapping[str, FileContent]) -> None:
    listed = []
    with zipfile.ZipFile(file, "w") as archive:
        for name in sorted(files):
            given = files[name]
            content = given if isinstance(given, bytes) else given.read_bytes()
            listed.append((name, len(content), hashlib.sha256(content).hexdigest()))
            _add(archive, name, content)
        _add(archive, CONTENTS, as_csv(("file", "bytes", "sha256"), listed))


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _MOMENT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr, entry.create_system = _READABLE, _UNIX
    archive.writestr(entry, content, compresslevel=6)
