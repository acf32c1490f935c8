"""The manifest: what a delivery consists of, as its sender says."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from nightshift.errors import DeliveryError
from nightshift.home.outside_errors import unusable

if TYPE_CHECKING:
    from nightshift.ingest.delivery.delivered_folder import Folder

MANIFEST = "manifest.json"
MANIFEST_BYTES = 10 * 2**20
SHOWN_FILES = 10

# A plain name: no folder, no "..", nothing hidden. A leading dot marks a file that is still being written.
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}$")]


def _as_folders_say_it(given: object) -> object:
    """A date as it is written; pydantic would take digits alone for seconds since 1970."""
    if not isinstance(given, str):
        return given
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
        raise ValueError("is not written YYYY-MM-DD")
    return dt.date.fromisoformat(given)


class _Delivered(BaseModel):
    """What a program wrote as JSON and is read strictly: validators before fields would make lists of its arrays."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ManifestFile(_Delivered):
    """One file as its sender describes it."""

    name: FileName
    bytes: NonNegativeInt
    rows: NonNegativeInt = Field(description="Records; the header line of a CSV file is none.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(_Delivered):
    """What a delivery consists of."""

    batch_date: Annotated[dt.date, BeforeValidator(_as_folders_say_it)]
    files: tuple[ManifestFile, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        twice = sorted(name for name, count in Counter(file.name for file in self.files).items() if count > 1)
        if twice:
            raise ValueError(f"{', '.join(twice)} is listed twice")
        return self


def read_manifest(folder: Folder) -> Manifest:
    """The manifest of a delivery.

    Raises:
        NightshiftError: if it is missing, naming the path waited for, or if it can't be read or breaks the contract.
    """
    found = content(folder)
    if found is None:
        raise DeliveryError(missing(folder))
    return parsed(folder, found)


def content(folder: Folder) -> bytes | None:
    """The bytes of a delivery's manifest; None if it is not there, or not any more.

    Raises:
        NightshiftError: if it can't be read, or is too large to be one.
    """
    try:
        if not folder.has(MANIFEST):
            return None
        found = folder.read(MANIFEST, MANIFEST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(f"{folder / MANIFEST} can't be read", error) from error
    if len(found) > MANIFEST_BYTES:
        raise DeliveryError(f"{folder / MANIFEST} is larger than {MANIFEST_BYTES} bytes; ask the sender for another")
    return found


def parsed(folder: Folder, found: bytes) -> Manifest:
    """The bytes of a manifest as what they say.

    Raises:
        NightshiftError: naming the path and each field that breaks the contract.
    """
    path = folder / MANIFEST
    try:
        text = found.decode("utf-8")
        # First by itself, as pydantic would take the last of two equal keys.
        json.loads(text, object_pairs_hook=_each_once)
        return Manifest.model_validate_json(text, strict=True)
    except ValidationError as error:
        broken = [
            f"{'.'.join(str(part) for part in fault['loc']) or 'manifest'}: {fault['msg']}" for fault in error.errors()
        ]
        more = f"; and {len(broken) - SHOWN_FILES} more" if len(broken) > SHOWN_FILES else ""
        faults = "; ".join(broken[:SHOWN_FILES]) + more
        raise DeliveryError(f"{path} breaks the landing contract (docs/landing-contract.md): {faults}") from error
    except (ValueError, RecursionError) as error:
        raise DeliveryError(f"{path} is not valid JSON: {error}; ask the sender to deliver again") from error


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose readers would differ in which of two equal keys they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = sorted(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"has the key {', '.join(map(repr, twice))} twice")
    return found


def missing(folder: Folder) -> str:
    """What to say where a manifest is waited for."""
    use_case, date = str(folder).split("/")[-2:]
    if reason := folder.broken_link(MANIFEST):
        return f"waited for {folder / MANIFEST}, which {reason}"
    return (
        f"waited for {folder / MANIFEST}, and it is not there: the delivery is missing or not complete (the manifest "
        "is written last). Ask the sender, or for the sample data run "
        f"`nightshift deliver-sample {use_case} --dates {date}`"
    )
