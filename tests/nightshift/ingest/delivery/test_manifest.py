"""Manifests: what a delivery says of itself, and what is no manifest."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.errors import DeliveryError, NightshiftError, StoreUnreachableError
from nightshift.home.settings import get_settings
from nightshift.ingest.delivery import (
    Folder,
    delivered_digests,
    is_complete,
    read_manifest,
)
from nightshift.storage import Location
from tests.nightshift.ingest.delivery.flights import DAY, FIRST, SCHEDULE, deliver, only_fault, verified


def test_a_folder_without_manifest_is_not_complete(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    assert is_complete(Folder(Location.of(folder)), get_settings())
    (folder / "manifest.json").unlink()
    assert not is_complete(Folder(Location.of(folder)), get_settings())
    with pytest.raises(NightshiftError, match=str(folder / "manifest.json")) as waited:
        verified(catalog)
    assert f"`nightshift deliver-sample flight_delays --dates {DAY}`" in str(waited.value)


def test_a_delivery_for_another_date_is_refused_as_a_whole(landing: Path, catalog: Catalog) -> None:
    deliver(catalog, batch_date=dt.date(2013, 1, 3))
    assert "is the manifest of 2013-01-03, but lies in the folder of 2013-01-02" in only_fault(catalog)
    assert verified(catalog).files == ()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda m: m["files"][0].update(name="../../etc/passwd"), "name"),
        (lambda m: m["files"][0].update(name=".."), "name"),
        (lambda m: m["files"][0].update(name="a/b.csv"), "name"),
        (lambda m: m["files"][0].update(bytes=-1), "bytes"),
        (lambda m: m["files"][0].update(sha256="abc"), "sha256"),
        (lambda m: m["files"][0].pop("rows"), "rows"),
        (lambda m: m.update(sender="me"), "sender"),
        (lambda m: m.update(batch_date="yesterday"), "batch_date"),
        (lambda m: m["files"].append(m["files"][0]), "listed twice"),
        (lambda m: m["files"][0].update(bytes="123"), r"files\.0\.bytes"),
        (lambda m: m["files"][0].update(rows=True), r"files\.0\.rows"),
        (lambda m: m["files"][0].update(rows=2.0), r"files\.0\.rows"),
        (lambda m: m.update(batch_date=1357084800), "batch_date"),
        (lambda m: m.update(batch_date="1357084800"), "batch_date: .*YYYY-MM-DD"),
    ],
    ids=[
        *("climbing", "parent", "folder", "size", "digest", "no rows", "unknown field", "date", "twice"),
        *("text for a number", "boolean for a number", "fraction", "number for a date", "seconds for a date"),
    ],
)
def test_a_manifest_that_breaks_the_contract_is_refused_by_field(
    landing: Path, catalog: Catalog, spoil: Callable[[dict], None], said: str
) -> None:
    folder = deliver(catalog)
    manifest = json.loads((folder / "manifest.json").read_text())
    spoil(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(NightshiftError, match=said):
        read_manifest(Folder(Location.of(folder)))


def test_half_a_manifest_is_refused_by_its_path(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    (folder / "manifest.json").write_text('{"batch_date": "2013')
    with pytest.raises(NightshiftError, match=r"manifest\.json is not valid JSON"):
        verified(catalog)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (b"[" * 100_000, "recursion"),
        (b'{"batch_date": "2013-01-02", "files": [], "files": []}', "has the key 'files' twice"),
        (b'{"batch_date": "2013-01-02", "files": [{"name": "a", "name": "b"}]}', "has the key 'name' twice"),
        ('{"batch_date": "2013-01-02", "files": []}'.encode("utf-16"), "utf-8"),
        ('{"batch_date": "2013-01-02", "files": []}'.encode("utf-16-le"), "Expecting property name"),
        (b'\xef\xbb\xbf{"batch_date": "2013-01-02", "files": []}', "BOM"),
    ],
    ids=["deep", "doubled key", "doubled key of a file", "UTF-16", "UTF-16 without mark", "BOM"],
)
def test_what_readers_of_json_would_differ_in_is_no_manifest(
    landing: Path, catalog: Catalog, found: bytes, said: str
) -> None:
    folder = deliver(catalog)
    (folder / "manifest.json").write_bytes(found)
    with pytest.raises(NightshiftError, match=rf"{folder}/manifest\.json is not valid JSON: .*{said}"):
        verified(catalog)
    # One delivery that can't be read keeps no other from being compared.
    assert delivered_digests(catalog.use_case, [DAY]) == {DAY: {"manifest.json": hashlib.sha256(found).hexdigest()}}


@pytest.mark.parametrize(
    ("error", "stands_for"),
    [
        (PermissionError("input is not ours"), {DAY: {"manifest.json": hashlib.sha256(b"").hexdigest()}}),
        # Of a store that does not answer nothing can be said, not even that the delivery changed.
        (OSError("input/output error"), None),
        (None, {}),
    ],
    ids=["not ours", "unreachable", "vanished"],
)
def test_a_manifest_that_can_not_be_read_is_named(
    landing: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, error: OSError | None, stands_for: dict | None
) -> None:
    path = deliver(catalog) / "manifest.json"

    def fail(*_: object) -> bytes:
        raise error or FileNotFoundError(str(path))

    monkeypatch.setattr(Folder, "read", fail)
    with pytest.raises(NightshiftError, match=f"{path} can't be read: input" if error else f"waited for {path}"):
        verified(catalog)
    if stands_for is None:
        with pytest.raises(StoreUnreachableError):
            delivered_digests(catalog.use_case, [DAY])
    else:
        assert delivered_digests(catalog.use_case, [DAY]) == stands_for


def test_a_landing_zone_that_is_not_mounted_is_no_missing_delivery(
    landing: Path, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LANDING_URL", str(tmp_path / "share"))
    get_settings.cache_clear()
    with pytest.raises(StoreUnreachableError, match="share is not there"):
        verified(catalog)
    (tmp_path / "share").mkdir()
    with pytest.raises(DeliveryError, match="waited for"):
        verified(catalog)


def test_a_folder_that_can_not_be_looked_into_is_named(
    landing: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deliver(catalog)

    def fail(*_: object) -> bool:
        raise PermissionError("permission denied")

    monkeypatch.setattr(Folder, "has", fail)
    with pytest.raises(NightshiftError, match=f"{folder} can't be read: permission denied"):
        verified(catalog)
    assert set(delivered_digests(catalog.use_case, [DAY])) == {DAY}


def test_what_lies_in_the_landing_zone_is_told_by_the_manifests_alone(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    later = folder.with_name("2013-01-03")
    later.mkdir()
    (later / "manifest.json").write_text("no JSON")
    for name in ("schedule.csv", "outcomes.jsonl.gz", "weather.parquet"):
        (folder / name).unlink()
    digests = delivered_digests(catalog.use_case, BatchDates(FIRST, dt.date(2013, 1, 3)))
    assert set(digests) == {DAY, dt.date(2013, 1, 3)}
    assert digests[DAY]["schedule.csv"] == hashlib.sha256(SCHEDULE).hexdigest()
    assert digests[dt.date(2013, 1, 3)] == {"manifest.json": hashlib.sha256(b"no JSON").hexdigest()}
