"""Quarantine as people work with it: decided, landed again, and every row still accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest

import expectations
from nightshift import ledger
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ingest.delivery import Delivery, Fault
from nightshift.ingest.landing import quarantine_records
from nightshift.ingest.landing.apply_row_decisions import RELEASED_ONLY, sparing_released
from nightshift.ingest.landing.quarantine_records import (
    Judged,
    quarantine_accounting,
    refuse_excess,
    source_accounting,
    tolerated_share,
)
from nightshift.ingest.quarantine.decide_rows import decide
from nightshift.ingest.quarantine.quarantined_rows import Selection, counts
from nightshift.ledger import SET_ASIDE, Entry, Input
from nightshift.ledger.row_accounting import Accounting
from nightshift.ledger.row_decisions import RowDecision
from tests.sent_deliveries import deliver
from tests.shop import DAY, NEXT, Shop, order

ONE = BatchDates.of(DAY)


@pytest.fixture
def shop(home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch)


def entry(shop: Shop, table: str) -> Entry:
    return next(each for each in ledger.latest(shop.name, DAY) if each.table_name == table)


def account(shop: Shop, table: str) -> tuple[int | None, ...]:
    newest = entry(shop, table)
    return newest.rows_in, newest.rows_published, newest.rows_quarantined, newest.rows_deduplicated


def test_a_faulty_file_is_known_by_the_digest_that_its_manifest_promises() -> None:
    damaged = Fault(DAY, "orders", "orders.jsonl", "is cut", "unreadable", "b" * 64, promised="a" * 64)
    absent = Fault(DAY, "orders", "more.jsonl", "is no file in the folder", promised="c" * 64)
    delivery = Delivery(UseCase.load("flight_delays", get_settings()), ONE, (), (damaged, absent))
    taken = quarantine_accounting(delivery, []).inputs[DAY]
    assert [(each.version, each.origin) for each in taken] == [
        ("a" * 64, f"found with SHA-256 {'b' * 64}"),
        ("c" * 64, None),
    ]


def test_rows_of_a_file_that_was_set_aside_stand_in_the_sums_of_its_source_and_do_not_thin_out_its_share() -> None:
    use_case = UseCase.load("flight_delays", get_settings())
    table = Catalog(use_case)["bronze.schedule"]
    drifted = Fault(DAY, "schedule", "b.csv", "lacks 'dest'", "columns", "b" * 64, promised="b" * 64, rows=500)
    other = Fault(DAY, "weather", "c.parquet", "is cut", "unreadable", "c" * 64, promised="c" * 64, rows=7)
    delivery = Delivery(use_case, ONE, (), (drifted, other))
    good = Input("file", "a.csv", "a" * 64, 100, 2)
    judged = Judged(table, None, Accounting({DAY: [good]}), {DAY: 2}, {}, 0)  # type: ignore[arg-type]

    found = source_accounting(table, judged, delivery)
    assert found.inputs == {DAY: [good, Input("file", "b.csv", "b" * 64, 500, 500, origin=SET_ASIDE)]}
    assert (found.rows_in(DAY), found.quarantined(DAY), found.expected(DAY)) == (600, 502, 98)
    assert source_accounting(table, None, delivery).rows_in(DAY) == 500
    assert judged.read(DAY) == 100
    # The quarantine has a row for each record, and one for each file as a whole.
    assert quarantine_accounting(delivery, [judged]).rows_in(DAY) == 2 + 1 + 1


def test_rows_are_released_and_rejected_by_people(spark, shop: Shop) -> None:
    shop.deliver(
        ["ada@example.org,Ada,1,London,36"],
        [
            order(1),
            order(2, amount=5000.0),
            order(3, amount=6000.0, currency="XXX"),
            order(4, currency="YYY"),
            "{broken",
            order(6, currency="XXX"),
        ],
    )
    shop.land()
    assert shop.rows(spark, "bronze.quarantine", "record", "rules", "status") == [
        (2, "amount.maximum", "open"),
        (3, "amount.maximum,currency.accepted", "open"),
        (4, "currency.accepted", "open"),
        (5, "json", "open"),
        (6, "currency.accepted", "open"),
    ]

    by_rule = decide(shop.catalog, "release", Selection(ONE, "orders", "amount.maximum"), "eve", "bulk orders")
    assert (by_rule.rows, by_rule.left) == (1, {"currency.accepted": 1})
    of_record = Selection(ONE, "orders", None, "orders.jsonl", 4)
    assert decide(shop.catalog, "reject", of_record, "eve", "a test order").rows == 1
    waiting = counts(shop.catalog, Selection(ONE, "orders"))["tables"][0]
    assert {name: waiting[name] for name in ("rows", "open", "rejected", "waiting", "released")} == {
        **{"rows": 5, "open": 3, "rejected": 1, "waiting": 1, "released": 0}
    }

    shop.land()

    assert shop.rows(spark, "bronze.orders", "order_id", "amount") == [(1, 10.0), (2, 5000.0)]
    # The third breaks a rule that nobody waived; of the sixth nobody has spoken.
    assert shop.rows(spark, "bronze.quarantine", "record", "status", "decided_by", "decided_why") == [
        (3, "open", None, None),
        (4, "rejected", "eve", "a test order"),
        (5, "open", None, None),
        (6, "open", None, None),
    ]
    assert account(shop, "bronze.orders") == (6, 2, 4, 0)
    taken = ledger.inputs(entry(shop, "bronze.orders"))
    assert [(each.kind, each.name, each.rows, each.quarantined) for each in taken] == [("file", "orders.jsonl", 6, 4)]
    landed = counts(shop.catalog, Selection(ONE, "orders"))["tables"][0]
    assert (landed["open"], landed["rejected"], landed["waiting"], landed["released"]) == (3, 1, 0, 1)

    # A change of mind about a row that has passed.
    assert decide(shop.catalog, "reject", Selection(ONE, "orders", "amount.maximum"), "kim", "a typing error").rows
    shop.land()
    assert shop.rows(spark, "bronze.orders", "order_id") == [(1,)]
    assert (2, "rejected", "kim") in shop.rows(spark, "bronze.quarantine", "record", "status", "decided_by")


def test_a_decision_does_not_hold_for_a_corrected_file(spark, shop: Shop) -> None:
    shop.deliver(["ada@example.org,Ada,1,London,36"], [order(1), order(2, amount=5000.0)])
    shop.land()
    decide(shop.catalog, "release", Selection(ONE, "orders", None, "orders.jsonl", 2), "eve", "checked")
    shop.deliver(["ada@example.org,Ada,1,London,36"], [order(1), order(2, amount=5001.0)])

    shop.land()

    assert shop.rows(spark, "bronze.orders", "order_id") == [(1,)]
    assert shop.rows(spark, "bronze.quarantine", "record", "status") == [(2, "open")]


def test_a_fixed_rule_releases_its_rows(spark, shop: Shop) -> None:
    shop.deliver(["ada@example.org,Ada,1,London,17", "bob@example.org,Bob,1,Paris,40"])
    shop.land()
    assert shop.rows(spark, "bronze.quarantine", "record", "rules") == [(2, "adults_in_london")]

    shop.change("tables.yaml", "age >= 18", "age >= 17")
    shop.land()

    assert shop.rows(spark, "bronze.quarantine", "record") == []
    assert shop.rows(spark, "bronze.customers", "city", "age") == [("London", 17), ("Paris", 40)]
    assert account(shop, "bronze.customers") == (2, 2, 0, 0)


def test_the_tolerated_share_is_the_tables_own_and_rejected_rows_are_spared(spark, shop: Shop) -> None:
    shop.deliver(
        ["ada@example.org,Ada,1,London,12", "bob@example.org,Bob,1,Paris,130", "cy@example.org,Cy,1,Paris,40"],
        [order(1), *(order(number, amount=-1) for number in range(2, 5))],
    )
    with pytest.raises(NightshiftError) as refused:
        shop.land()
    said = str(refused.value)
    assert "customers of 2024-01-02: 2 of 3 rows (66.7%), tolerated are 50.0%" in said
    like = "age.minimum: 1 rows\n      like 2024-01-02/customers.csv record 2: age: '12' is under 16; adults_in_london"
    assert like in said
    assert "adults_in_london: 1 rows" in said
    assert "orders of" not in said, "three of four are within its own share"
    assert f"nightshift quarantine list --use-case {shop.name} --dates 2024-01-02" in said
    assert f"nightshift quarantine show --use-case {shop.name} --dates 2024-01-02" in said
    assert f".venv/bin/python -m spark_jobs.land --use-case {shop.name} --dates 2024-01-02" in said
    assert not shop.catalog["bronze.customers"].exists()

    decide(shop.catalog, "reject", Selection(ONE, "customers", "age.maximum"), "eve", "nobody is that old")
    shop.land()

    assert shop.rows(spark, "bronze.customers", "city") == [("Paris",)]
    assert account(shop, "bronze.customers") == (3, 1, 2, 0)


def test_what_cannot_be_waived_says_so(spark, shop: Shop) -> None:
    shop.deliver(["ada@example.org,Ada,1,London,x", "bob@example.org,Bob,1,Paris,40"], [order(1), "{broken", order(3)])
    shop.land()

    with pytest.raises(
        NightshiftError, match=r"break age\.type can't be decided so: a person may waive .*age\.maximum"
    ):
        decide(shop.catalog, "release", Selection(ONE, "customers", "age.type"), "eve", "why not")
    with pytest.raises(NightshiftError, match=r"break json \(1 rows\) can't be decided so.*delivered again"):
        decide(shop.catalog, "release", Selection(ONE, "orders", None, "orders.jsonl", 2), "eve", "why not")
    with pytest.raises(NightshiftError, match=r"no row of 2024-01-03 table orders is in the quarantine"):
        decide(shop.catalog, "reject", Selection(BatchDates.of(NEXT), "orders"), "eve", "why not")


def test_a_file_that_came_twice_counts_once(spark, shop: Shop) -> None:
    shop.change("tables.yaml", "file: orders.jsonl", "file: orders*.jsonl")
    folder = shop.deliver(["ada@example.org,Ada,1,London,36"], [order(1), order(2, amount=-1)])
    content = (folder / "orders.jsonl").read_bytes()
    files = {"customers.csv": ((folder / "customers.csv").read_bytes(), 1)}
    deliver(folder.parent, DAY, {**files, "orders.jsonl": (content, 2), "orders-again.jsonl": (content, 2)})

    shop.land()

    assert account(shop, "bronze.orders") == (4, 1, 1, 2)
    taken = {each.name: each for each in ledger.inputs(entry(shop, "bronze.orders"))}
    assert {(each.quarantined, each.deduplicated) for each in taken.values()} == {(1, 0), (0, 2)}


def test_a_file_that_came_twice_does_not_halve_the_quarantined_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine_records, "_top_rules", lambda _: [])
    use_case = UseCase.load("flight_delays", get_settings())
    table = Catalog(use_case)["bronze.schedule"]
    tolerated = tolerated_share(use_case, table)
    rows, bad = 100, int(100 * tolerated) + 1
    files = [Input("file", "a.csv", "a" * 64, rows, bad), Input("file", "b.csv", "a" * 64, rows, 0, rows)]
    judged = Judged(table, None, Accounting({DAY: files}), {DAY: bad}, {}, 0)  # type: ignore[arg-type]
    with pytest.raises(NightshiftError, match=rf"schedule of 2024-01-02: {bad} of 100 rows \({bad}\.0%\)"):
        refuse_excess(use_case, ONE, [judged])


def test_a_row_that_nobody_released_does_not_slip_through_with_those_that_were(spark, shop: Shop) -> None:
    table = shop.catalog["bronze.orders"]
    made = RowDecision(
        id=1,
        use_case=shop.name,
        table_name="orders",
        batch_date=DAY,
        file="orders.jsonl",
        file_sha256="a" * 64,
        record=2,
        rules="amount.maximum",
        action="release",
        who="eve",
        why="checked",
        rows=1,
    )
    row = dict.fromkeys(table.column_names) | {"batch_date": DAY, "file": "orders.jsonl", "file_sha256": "a" * 64}
    good = {**row, "order_id": 1, "amount": 1.0, "record": 1}
    released = {**row, "order_id": 2, "amount": 5000.0, "record": 2}
    stray = {**row, "order_id": 3, "amount": 5000.0, "record": 3}

    def checks(*rows: dict) -> dict[str, bool]:
        slice_ = spark.createDataFrame([tuple(each[name] for name in table.column_names) for each in rows], table.ddl)
        report = sparing_released(expectations.audit, [made])(slice_, table, ONE, len(rows))
        return {check.name: check.passed for check in report.checks if check.consequence == "blocks"}

    assert all(checks(good, released).values())
    assert [name for name, passed in checks(good, released, stray).items() if not passed] == [RELEASED_ONLY]
    assert not all(checks(good, {**released, "currency": "XXX"}).values()), "only the waived rule is waived"
