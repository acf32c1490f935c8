"""What the quarantine holds while a corrected delivery is blocked, and once it is published."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import expectations
from expectations.pages.index_page import read_refused
from nightshift import ledger
from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ingest.landing import quarantine_records
from nightshift.ingest.landing.delivery_in_force import IN_FORCE, OF_BLOCKED_DELIVERY
from nightshift.lake.audit_report import AuditError, AuditReport, Check
from nightshift.ledger import SET_ASIDE
from nightshift.ledger.row_accounting import balances
from nightshift.ledger.row_origins import trace
from tests.sent_deliveries import deliver
from tests.shop import CUSTOMERS, DAY, NEXT, Shop, order

WAIT_SECONDS = 120
ADA, BOB, CY = "ada@example.org,Ada,1,London,36", "bob@example.org,Bob,1,Paris,40", "cy@example.org,Cy,1,Paris,41"
YOUNG, OLD, LOST = "di@example.org,Di,1,Turin,3", "ed@example.org,Ed,1,Turin,130", "flo@example.org,Flo,1,Oslo,30"
# The row of the orders that is quarantined in every edition; its file stays the same.
ORDERS = [order(1), order(2, amount=-1.0)]
OF_ORDERS = ("orders", 2, "amount.minimum")


@pytest.fixture
def shop(home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch)


def quarantined(spark, shop: Shop) -> list[tuple]:
    return shop.rows(spark, "bronze.quarantine", "source", "record", "rules")


def account(shop: Shop, table: str) -> tuple[int | None, ...]:
    (entry,) = [each for each in ledger.latest(shop.name, DAY, published=True) if each.table_name == table]
    assert balances(entry)
    return entry.rows_in, entry.rows_published, entry.rows_quarantined


def origins(shop: Shop) -> set[tuple[str, int, str | None]]:
    (entry,) = [each for each in ledger.latest(shop.name, DAY) if each.table_name == "bronze.quarantine"]
    return {(each.name, each.rows, each.origin) for each in ledger.inputs(entry)}


def traced(shop: Shop, table: str) -> list[tuple[str, int, int, str | None]]:
    hop = trace(shop.catalog, shop.catalog[table], DAY)
    assert hop.balances
    return [(each.name, each.rows, each.quarantined, each.origin) for each, _ in hop.sources]


def refused(shop: Shop, said: str, dates: BatchDates | None = None) -> None:
    with pytest.raises(NightshiftError, match=said):
        shop.land(dates or DAY)


@pytest.mark.long
def test_a_blocked_correction_leaves_the_quarantine_of_the_delivery_in_force(spark, shop: Shop) -> None:
    shop.deliver([ADA, BOB, YOUNG, OLD], ORDERS)
    shop.deliver([ADA, LOST], date=NEXT)
    shop.land(BatchDates(DAY, NEXT))
    in_force = [("customers", 3, "city.accepted"), ("customers", 4, "age.minimum"), ("customers", 5, "age.maximum")]
    assert quarantined(spark, shop) == [*in_force, OF_ORDERS]

    # It has drifted; the orders came again as they were.
    shop.deliver([ADA], ORDERS, header="email,name,phone,town,age")
    refused(shop, "lacks 'city'", BatchDates(DAY, NEXT))
    assert quarantined(spark, shop) == [("customers", 0, "columns"), *in_force, OF_ORDERS]
    assert origins(shop) == {
        ("customers.csv", 1, OF_BLOCKED_DELIVERY),
        ("customers.csv", 2, IN_FORCE),
        ("orders.jsonl", 1, IN_FORCE),
    }

    # Too many of its rows are bad, two of them in the same lines as before.
    shop.deliver([ADA, LOST, YOUNG, LOST], ORDERS)
    refused(shop, r"customers of 2024-01-02: 3 of 4 rows")
    of_blocked = [("customers", 3, "city.accepted"), ("customers", 4, "age.minimum"), ("customers", 5, "city.accepted")]
    assert quarantined(spark, shop) == sorted([*in_force, *of_blocked, OF_ORDERS], key=repr)

    # It is the delivery of another date.
    folder = shop.deliver([ADA], ORDERS)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(str(DAY), str(NEXT)))
    refused(shop, "is the manifest of 2024-01-03")
    assert quarantined(spark, shop) == sorted([("manifest", 0, "manifest"), *in_force, OF_ORDERS], key=repr)

    assert account(shop, "bronze.customers") == (4, 2, 2)
    assert account(shop, "bronze.orders") == (2, 1, 1)
    assert account(shop, "bronze.quarantine") == (4, 4, 0)
    assert len(shop.rows(spark, "bronze.customers", "email")) == 3

    shop.deliver([ADA, BOB, CY, LOST], ORDERS)
    shop.land()
    assert quarantined(spark, shop) == [("customers", 3, "city.accepted"), ("customers", 5, "city.accepted"), OF_ORDERS]
    assert account(shop, "bronze.customers") == (4, 3, 1)
    assert origins(shop) == {("customers.csv", 1, None), ("orders.jsonl", 1, None)}


def test_a_file_that_the_delivery_in_force_does_without_stays_in_quarantine(spark, shop: Shop) -> None:
    shop.change("use_case.yaml", "delivery: {", "delivery: {tolerated_corrupt_files: 1, ")
    shop.change("tables.yaml", "file: orders.jsonl", "file: orders*.jsonl")

    def deliver_orders(*cut: str) -> None:
        content = (",".join(CUSTOMERS) + f"\n{ADA}\n").encode()
        files = dict.fromkeys(cut, (b"\xef\xbb\xbf{}\n", 1))
        deliver(shop.settings.landing.path / shop.name, DAY, {"customers.csv": (content, 1), **files})

    deliver_orders("orders-1.jsonl")
    shop.land()
    assert read_refused(get_settings(), shop.name) == {}
    tolerated = ("orders-1.jsonl", 0)
    assert shop.rows(spark, "bronze.quarantine", "file", "record") == [tolerated]
    # Its row is in the sums of the orders, but no other date must do without a file because this one has been seen.
    assert account(shop, "bronze.orders") == (1, 0, 1)
    assert traced(shop, "bronze.orders") == [("orders-1.jsonl", 1, 1, SET_ASIDE)]
    assert account(shop, "bronze.quarantine") == (1, 1, 0)
    assert ledger.delivered(shop.name, [DAY])[DAY].keys() == {"customers.csv"}

    for blocked in ("orders-2.jsonl", "orders-3.jsonl"):
        for leftover in (shop.settings.landing.path / shop.name / str(DAY)).glob("orders*"):
            leftover.unlink()
        deliver_orders(blocked, "orders-4.jsonl")
        refused(shop, "2 files of the delivery 2024-01-02")
        # What an earlier one was blocked for is no longer there.
        assert shop.rows(spark, "bronze.quarantine", "file", "record") == [
            tolerated,
            (blocked, 0),
            ("orders-4.jsonl", 0),
        ]
        assert "2 files of the delivery 2024-01-02" in read_refused(get_settings(), shop.name)[str(DAY)]
    for leftover in (shop.settings.landing.path / shop.name / str(DAY)).glob("orders*"):
        leftover.unlink()
    deliver_orders("orders-1.jsonl")
    shop.land()
    assert read_refused(get_settings(), shop.name) == {}


def test_what_an_audit_refuses_is_seen_beside_the_delivery_in_force(spark, shop: Shop, monkeypatch) -> None:
    shop.deliver([ADA, BOB, YOUNG])
    shop.land()
    shop.deliver([ADA, BOB, OLD])
    real = expectations.audit

    def strict(rows: Any, table: Any, dates: BatchDates, expected: int | None) -> AuditReport:
        if table.name == "customers":
            return AuditReport((Check("never", "blocks", "As this test wants it.", passed=False),))
        return real(rows, table, dates, expected)

    with monkeypatch.context() as patched:
        patched.setattr(expectations, "audit", strict)
        with pytest.raises(AuditError, match=r"audit of .*customers 2024-01-02 failed"):
            shop.land()

    assert quarantined(spark, shop) == [("customers", 4, "age.maximum"), ("customers", 4, "age.minimum")]
    assert account(shop, "bronze.customers") == (3, 2, 1)
    shop.land()
    assert quarantined(spark, shop) == [("customers", 4, "age.maximum")]


def test_of_two_runs_that_read_different_editions_one_is_published_whole(
    spark, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nightshift")
    shop.deliver([ADA, BOB, YOUNG])
    real = quarantine_records.refuse_excess
    other = threading.Thread(target=shop.land)

    def while_the_other_runs(*arguments: Any) -> None:
        monkeypatch.setattr(quarantine_records, "refuse_excess", real)
        shop.deliver([ADA, CY, BOB, OLD])
        other.start()
        until = time.monotonic() + WAIT_SECONDS
        while (
            other.is_alive()
            and "waiting for another process that is landing" not in caplog.text
            and time.monotonic() < until
        ):
            time.sleep(0.1)
        real(*arguments)

    monkeypatch.setattr(quarantine_records, "refuse_excess", while_the_other_runs)
    shop.land()
    other.join(WAIT_SECONDS)

    assert not other.is_alive()
    assert quarantined(spark, shop) == [("customers", 5, "age.maximum")]
    assert account(shop, "bronze.customers") == (4, 3, 1)
