"""Deliveries that consist of links, as volumes of Kubernetes do, are followed within the landing zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ingest.delivery import MANIFEST, Folder, delivered_digests, delivery_folder, is_complete, verify
from nightshift.storage import Location
from tests.nightshift.ingest.delivery.flights import DAY, deliver, only_fault, verified


def as_volume(folder: Path) -> None:
    """The folder as the kubelet would fill it: links into ..data, which is a link to a folder of the files."""
    hidden = folder / "..2013_01_02_00_00_00"
    hidden.mkdir()
    for path in [path for path in folder.iterdir() if path.is_file()]:
        path.rename(hidden / path.name)
        path.symlink_to(f"..data/{path.name}")
    (folder / "..data").symlink_to(hidden.name)


def test_a_delivery_of_links_is_followed_within_the_landing_zone(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    as_volume(folder)
    assert is_complete(delivery_folder(catalog.use_case, DAY), get_settings())
    assert set(delivered_digests(catalog.use_case, [DAY])[DAY]) == {
        *("schedule.csv", "outcomes.jsonl.gz", "weather.parquet")
    }
    delivery = verified(catalog)
    # The reference sources come with the first delivery only.
    assert delivery.faults == ()
    assert len(delivery.files) == 3
    assert not any(file.path.path.is_symlink() for file in delivery.files), "the archive has the bytes"


def test_a_folder_of_a_date_may_be_a_link_to_another_place_of_the_zone(landing: Path, catalog: Catalog) -> None:
    folder = deliver(catalog)
    folder.rename(landing / "common")
    folder.symlink_to(landing / "common", target_is_directory=True)
    assert verified(catalog).faults == ()


def test_the_folder_of_a_use_case_may_lie_elsewhere(landing: Path, catalog: Catalog, tmp_path: Path) -> None:
    deliver(catalog).parent.rename(tmp_path / "mounted")
    (landing / catalog.use_case.name).symlink_to(tmp_path / "mounted", target_is_directory=True)
    assert verified(catalog).faults == ()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/etc/passwd", "is a link that leads out of the landing zone, to /etc/passwd: deliver the file itself"),
        ("../../../secret.csv", "is a link that leads out of the landing zone, to "),
        ("..data/gone.csv", "is a link that leads nowhere, to ..data/gone.csv: deliver the file itself"),
        ("schedule.csv", "is a link that leads in a circle: deliver the file itself"),
    ],
)
def test_other_links_are_said_to_be_links(landing: Path, catalog: Catalog, target: str, said: str) -> None:
    folder = deliver(catalog)
    (landing.parent / "secret.csv").write_bytes((folder / "schedule.csv").read_bytes())
    (folder / "schedule.csv").unlink()
    (folder / "schedule.csv").symlink_to(target)
    assert f"schedule.csv: {said}" in only_fault(catalog)
    with pytest.raises(NightshiftError, match="is a link that leads"):
        delivery_folder(catalog.use_case, DAY).open("schedule.csv")


@pytest.mark.parametrize("target", ["nowhere.json", "/etc/passwd", MANIFEST])
def test_a_manifest_that_is_no_followed_link_is_said_to_be_one(landing: Path, catalog: Catalog, target: str) -> None:
    folder = deliver(catalog)
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).symlink_to(target)
    with pytest.raises(NightshiftError, match=r"manifest\.json.* is a link that leads .*: deliver the file itself"):
        verify(catalog, BatchDates.of(DAY))


def test_a_date_whose_folder_leads_out_of_the_zone_is_refused(landing: Path, catalog: Catalog, tmp_path: Path) -> None:
    folder = deliver(catalog)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(NightshiftError, match="leads out of the landing zone"):
        verified(catalog)


def test_a_link_to_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to("real")
    assert Folder(Location.of(tmp_path)).sizes() == {"linked": None, "real": None}
