"""Deliveries in an object store are kept in one and read there by Spark; who is erased is gone from there as well."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from nightshift.dates import BatchDates
from nightshift.home.settings import PROJECT_DIR, Settings, get_settings
from nightshift.ingest import archive
from nightshift.ingest.delivery import verify
from tests.s3_server import S3Server
from tests.sent_deliveries import deliver, parquet
from tests.shop import DAY, TABLES, Shop, order

ADA = "ada@example.org"
PARCELS = """
  - layer: bronze
    name: parcels
    description: Parcels of the batch date.
    grain: one row per parcel
    keys: [parcel]
    source: {file: "parcels_*.parquet", format: parquet}
    columns:
      - {name: parcel, type: bigint, required: true, description: Number of the parcel.}
"""
# The second one has a column that only Arrow can read.
FILES = (
    pa.table({"parcel": [1, 2]}),
    pa.table({"parcel": [3], "under_way": pa.array([90], pa.duration("s"))}),
)


@pytest.fixture
def shop(s3: S3Server, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose landing zone and archive are in a bucket."""
    made = Shop(tmp_path, monkeypatch)
    made.declare(TABLES.replace("\n  - layer: silver", f"{PARCELS}\n  - layer: silver", 1))
    bucket = s3.new_bucket()
    monkeypatch.setenv("NIGHTSHIFT_LANDING_URL", f"s3://{bucket}/landing")
    monkeypatch.setenv("NIGHTSHIFT_ARCHIVE_URL", f"s3://{bucket}/archive")
    get_settings.cache_clear()
    return made


def sent(shop: Shop, folder: Path, files: dict[str, tuple[bytes, int]]) -> None:
    """Bring a delivery into the landing zone, its manifest last."""
    written = deliver(folder, DAY, files)
    for path in sorted(written.iterdir(), key=lambda path: path.name == "manifest.json"):
        (get_settings().landing / shop.name / str(DAY) / path.name).write(path.read_bytes())


def run(job: str, shop: Shop, *arguments: str, said: str = "") -> str:
    """Run a job as a process of its own, as the session that tests share knows no store; what it prints."""
    command = [sys.executable, "-m", f"spark_jobs.{job}", "--use-case", shop.name, *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "SPARK_LOCAL_DIRS"}
    done = subprocess.run(
        command, cwd=PROJECT_DIR, env=environment, input=said, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.long
def test_a_delivery_in_a_store_lands_from_an_archive_in_a_store(spark: Any, shop: Shop, tmp_path: Path) -> None:
    customers = f"email,name,phone,city,age\n{ADA},Ada,1,London,36\nbob@example.org,Bob,1,Atlantis,40\n".encode()
    orders = "".join(f"{json.dumps(order(number))}\n" for number in range(3))
    files = {
        "customers.csv": (customers, 2),
        "orders.jsonl": (orders.encode(), 3),
        **{f"parcels_{number}.parquet": (parquet(rows), rows.num_rows) for number, rows in enumerate(FILES)},
    }
    sent(shop, tmp_path / "sent", files)
    run("land", shop, "--dates", str(DAY))

    assert shop.rows(spark, "bronze.parcels", "parcel", "extra") == [(1, None), (2, None), (3, '{"under_way":"90 s"}')]
    assert len(shop.rows(spark, "bronze.orders", "order_id")) == 3
    assert [city for (city,) in shop.rows(spark, "bronze.customers", "city")] == ["London"]
    assert [file for (file,) in shop.rows(spark, "bronze.quarantine", "file")] == ["customers.csv"]
    place = archive.of(shop.catalog.use_case)
    digests = {hashlib.sha256(content).hexdigest(): name for name, (content, _) in files.items()}
    kept = sorted(file.name for file in place.walk())
    assert kept == sorted(f"{digest[:2]}/{digest}{Path(name).suffix}" for digest, name in digests.items())
    assert not (get_settings().home / "archive").exists()
    before = {name: (place / name).find() for name in kept}
    assert verify(shop.catalog, BatchDates.of(DAY)).faults == ()
    assert {name: (place / name).find() for name in kept} == before, "an equal copy was uploaded again"

    who = ("--table", "bronze.customers", "--column", "email", "--who", "eve", "--why", "request 17")
    said = run("erase", shop, *who, said=f"{ADA}\n")
    landing = get_settings().landing / shop.name / str(DAY)
    assert f"delivered file {landing / 'customers.csv'}, lines 2: the owner" in said
    assert f"delivered file {landing / 'orders.jsonl'}, lines 1, 2, 3: the owner" in said
    assert sorted(file.name.rpartition(".")[2] for file in place.walk()) == ["parquet", "parquet"]
    assert shop.rows(spark, "bronze.customers", "city") == []
