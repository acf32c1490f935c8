"""Where deliveries lie, and what can be said of them without reading a data file."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.source import FileSource
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError, StoreUnreachableError, TemporaryError
from nightshift.home.outside_errors import unusable
from nightshift.home.settings import Settings
from nightshift.ingest.delivery.delivered_folder import Folder
from nightshift.ingest.delivery.manifest import MANIFEST, content, parsed

log = logging.getLogger("nightshift")
READERS = 8


def landing_folder(use_case: UseCase) -> Folder:
    """Where the deliveries of a use case lie."""
    root = use_case.home.landing
    folder = root / use_case.name
    # The folder of the use case may itself be a link, of whoever runs the landing zone.
    return Folder(folder, (root, folder))


def delivery_folder(use_case: UseCase, date: dt.date) -> Folder:
    """Where the delivery of one batch date lies."""
    return landing_folder(use_case) / date.isoformat()


def is_complete(folder: Folder, home: Settings) -> bool:
    """Whether a delivery is there as a whole: its manifest is written last.

    Raises:
        StoreUnreachableError: if the store does not answer, or its folder is not there, as where a share is not
            mounted; that says nothing about the delivery.
        SettingsError: if it can't be looked into.
    """
    try:
        if folder.has(MANIFEST):
            return True
    except OSError as error:
        raise unusable(f"{folder} can't be read", error) from error
    if home.landing_url and not home.landing.is_remote and not home.landing.is_folder():
        raise StoreUnreachableError(
            f"the landing zone {home.landing} is not there",
            remedy="mount it, or let NIGHTSHIFT_LANDING_URL name another",
        )
    return False


def expects_manifest(catalog: Catalog) -> bool:
    """Whether deliveries hold files at all; a use case that reads databases only has nothing to wait for."""
    return any(isinstance(table.source, FileSource) for table in catalog.sources)


def delivered_digests(use_case: UseCase, dates: Iterable[dt.date]) -> dict[dt.date, dict[str, str]]:
    """What lies in the landing zone, by the word of the manifests: SHA-256 by file name, per complete delivery.

    Reads the manifests alone. One that can't be read stands for itself, as ``{"manifest.json": <its own SHA-256>}``:
    it differs from everything that was ever landed, so whoever compares will land that date, and be told why not.
    """
    wanted = list(dates)
    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(lambda date: _digests(delivery_folder(use_case, date), use_case.home), wanted)
        return {date: digests for date, digests in zip(wanted, found, strict=True) if digests is not None}


def _digests(folder: Folder, home: Settings) -> dict[str, str] | None:
    raw: bytes | None = b""
    try:
        raw = content(folder) if is_complete(folder, home) else None
        if raw is None:
            return None
        return {file.name: file.sha256 for file in parsed(folder, raw).files}
    except TemporaryError:
        raise
    except NightshiftError as error:
        log.warning("%s", error)
        return {MANIFEST: hashlib.sha256(raw or b"").hexdigest()}
