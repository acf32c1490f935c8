"""A person is gone from every layer, from older versions and from the archive, and does not come back."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import os
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

import expectations
from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import EXIT_FINAL, EXIT_TEMPORARY
from nightshift.home.settings import Settings, get_settings
from nightshift.ingest.privacy import tokens as privacy
from nightshift.lake.audit_report import AuditReport
from nightshift.lake.publication import publish
from nightshift.ledger import Input
from nightshift.ledger.erasures import Erasure, erased, unfinished
from nightshift.ledger.row_accounting import Accounting
from spark_jobs import rows_of_person
from spark_jobs.erase import Wish, _remove_pages, main
from tests.s3_server import with_pages_in_store
from tests.shop import DAY, NEXT, Shop, order

BOTH = BatchDates(DAY, NEXT)
LATER = dt.date(2024, 1, 4)
ADA = "ada@example.org"


@pytest.fixture
def home(home: Settings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home whose pages lie in it; or, where a test asks for that, in a store."""
    return with_pages_in_store(request, monkeypatch) if getattr(request, "param", "folder") == "S3" else home


@pytest.mark.parametrize("home", ["folder", "S3"], indirect=True)
def test_pages_that_show_a_person_go_wherever_pages_lie(home: Settings) -> None:
    catalog = Catalog(UseCase.load("card_default", home))
    ada, bob = "tok_" + "a" * 32, "tok_" + "b" * 32
    pages = home.data_docs / "card_default"
    for number in range(20):
        shown = f"<td>{bob if number % 2 else ada}</td>"
        (pages / "2024-01-02" / "bronze.clients" / f"{number:03d}-failed.html").write(shown.encode())
    (pages / "index.html").write(bob.encode())
    (home.data_docs / "card_default_of_others" / "index.html").write(ada.encode())
    half = Path(f"{pages}/.{'0' * 32}.unfinished")
    if not pages.is_remote:
        # Of a job that was killed while it wrote a page.
        half.write_text(ada)
        os.utime(half, (0, 0))
    _remove_pages(Wish(catalog, "contact", ada, None, "eve", "request 17"))
    left = [page.name for page in pages.walk()]
    assert len(left) == 11
    assert not [name for name in left if ada.encode() in (pages / name).read()]
    assert (home.data_docs / "card_default_of_others" / "index.html").exists()
    assert not half.exists()


@pytest.fixture
def shop(spark, home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Two days on which a person is a customer, orders, and is in a silver and a gold table."""
    made = Shop(tmp_path, monkeypatch)
    made.deliver(
        [f"{ADA},Ada,1,London,36", "bob@example.org,Bob,1,Paris,40", f"{ADA},Ada,1,London,3"], [order(1, ADA), order(2)]
    )
    made.deliver([f"{ADA},Ada,1,Turin,36", "cy@example.org,Cy,1,Paris,41"], date=NEXT)
    made.land(BOTH)
    customers = lake.read(spark, made.catalog["bronze.customers"])
    version = str(lake.newest_version(made.catalog["bronze.customers"]))
    taken = {date: [Input("table", "bronze.customers", version, 2)] for date in BOTH}
    job = dataclasses.replace(made.job(BOTH), stage="refine")
    silver, gold = made.catalog["silver.customers"], made.catalog["gold.shoppers"]
    publish(job, silver, customers, audit=expectations.audit, accounting=Accounting(taken))
    shoppers = customers.selectExpr("batch_date", "concat('id-', email) AS who", "2L AS orders").where(
        "city <> 'Turin'"
    )
    publish(job, gold, shoppers, audit=lambda *_: AuditReport(()))
    return made


def erase(shop: Shop, monkeypatch: pytest.MonkeyPatch, *more: str, value: str = ADA) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{value}\n"))
    arguments = ["--use-case", shop.name, "--table", "bronze.customers", "--column", "email"]
    return main([*arguments, "--who", "eve", "--why", "request 17", *more])


def pages_that_show(shop: Shop, text: str) -> list[str]:
    """Names of audit pages that hold a text."""
    pages = shop.settings.data_docs
    return [page.name for page in pages.walk() if text.encode() in (pages / page.name).read()]


def in_files(folder: Path, text: str) -> list[Path]:
    """Parquet files below a folder, named by a table's log or not, that hold a text."""
    return [path for path in folder.rglob("*.parquet") if text in str(pq.read_table(path).to_pylist())]


def test_a_person_is_gone_from_everywhere_and_stays_away(spark, shop: Shop, monkeypatch, capsys) -> None:
    key = privacy.load_key(get_settings())
    ada, bob = privacy.token(key, "contact", ADA), privacy.token(key, "contact", "bob@example.org")
    assert in_files(shop.settings.lake.path, ada)
    shown = shop.settings.data_docs / shop.name / "2024-01-02" / "bronze.customers"
    (shown / "009-failed.html").write(f"an example: {ada}".encode())
    (shown / "010-failed.html").write(f"an example: {bob}".encode())
    leftovers = [
        shop.settings.archive.path / shop.name / "incoming" / "0123",
        shop.settings.staging / "extracts" / shop.name / "4567" / "part.parquet",
    ]
    for path in leftovers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ADA)
    leftovers[1].parent.with_suffix(".lock").touch()
    assert erase(shop, monkeypatch, "--dry-run") == 0
    assert len(pages_that_show(shop, ada)) >= 1
    assert len(shop.rows(spark, "silver.customers", "email")) == 4

    assert erase(shop, monkeypatch) == 0

    said = capsys.readouterr().out
    assert "bronze.customers 2024-01-02: 1 rows" in said
    assert "bronze.orders 2024-01-02: 2 rows" in said
    assert "silver.customers 2024-01-03: 1 rows" in said
    assert "gold.shoppers 2024-01-02: 1 rows" in said
    assert f"delivered file {shop.settings.landing / shop.name}/2024-01-02/customers.csv, lines 2, 4: the owner" in said
    assert ADA not in said
    assert not in_files(shop.settings.home, ada), "older versions, stages and slices"
    assert (bob, "Paris") in shop.rows(spark, "silver.customers", "email", "city")
    assert len(shop.rows(spark, "gold.shoppers", "who")) == 2
    assert not [path for path in leftovers if path.exists()]
    assert not [path for path in (shop.settings.archive.path / shop.name).rglob("*.csv") if ADA in path.read_text()]
    assert not pages_that_show(shop, ada)
    assert (shown / "010-failed.html").exists()
    assert not any(ada in str(each) for each in ledger.profiles(shop.name, "silver.customers", BOTH).values())
    assert_balanced(shop)
    (wish,) = erased(shop.name, ["contact"])
    assert (wish.token, wish.who, wish.why, wish.completed_at is not None) == (ada, "eve", "request 17", True)
    assert wish.report is not None
    assert wish.report["rows"]["bronze.customers"] == {"2024-01-02": 1, "2024-01-03": 1}
    assert ADA not in str(wish.report)

    assert_landing_again_changes_nothing(spark, shop, ada)


def assert_balanced(shop: Shop) -> None:
    """What was delivered is published or quarantined, before and after."""
    accounts = {
        (each.table_name, each.batch_date): (each.rows_in, each.rows_published, each.rows_quarantined)
        for each in ledger.latest(shop.name)
    }
    assert accounts["bronze.customers", DAY] == (3, 1, 2)
    assert accounts["bronze.customers", NEXT] == (2, 1, 1)
    assert accounts["bronze.orders", DAY] == (2, 0, 2)
    assert accounts["silver.customers", DAY] == (2, 1, 1)
    assert accounts["gold.shoppers", DAY] == (None, 1, None)
    (taken,) = ledger.inputs(next(e for e in ledger.latest(shop.name, DAY) if e.table_name == "bronze.customers"))
    assert (taken.name, taken.rows, taken.quarantined) == ("customers.csv", 3, 2)


def assert_landing_again_changes_nothing(spark, shop: Shop, ada: str) -> None:
    columns = ("batch_date", "source", "record", "rules", "raw", "status")
    before = shop.rows(spark, "bronze.quarantine", *columns)
    assert (DAY, "customers", 2, "erased", "withheld: see record 2 of customers.csv", "rejected") in before

    shop.land(BOTH)

    # The row that had broken a rule was not in the lake, so it is only now recognised as the person's.
    shortened = [row for row in before if row[3] == "erased"]
    after = shop.rows(spark, "bronze.quarantine", *columns)
    assert [row for row in after if row[:3] != (DAY, "customers", 4)] == shortened
    assert ("erased", "rejected") in {row[3::2] for row in after if row[2] == 4}
    assert not in_files(shop.settings.lake.path, ada)
    assert_balanced(shop)


def test_an_erasure_that_was_cut_off_is_completed_by_the_next(spark, shop: Shop, monkeypatch) -> None:
    ada = privacy.token(privacy.load_key(get_settings()), "contact", ADA)
    real = rows_of_person.remove

    def killed(spark, job, found, *rest):
        if found.table.layer == "silver":
            raise KeyboardInterrupt
        return real(spark, job, found, *rest)

    monkeypatch.setattr(rows_of_person, "remove", killed)
    with pytest.raises(KeyboardInterrupt):
        erase(shop, monkeypatch)
    (wish,) = erased(shop.name, ["contact"])
    assert wish.completed_at is None
    monkeypatch.setattr(rows_of_person, "remove", real)

    assert erase(shop, monkeypatch) == 0

    assert not in_files(shop.settings.home, ada)
    assert_accounted(shop, wish)


def assert_accounted(shop: Shop, wish: Erasure) -> None:
    assert_balanced(shop)
    assert erased(shop.name, ["contact"])[0].id > wish.id


def test_an_erasure_that_was_cut_off_behind_the_removal_is_completed_by_token(spark, shop: Shop, monkeypatch) -> None:
    ada = privacy.token(privacy.load_key(get_settings()), "contact", ADA)

    def killed(*_) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(lake, "vacuum", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(shop, patched)
    assert in_files(shop.settings.lake.path, ada), "older versions have the rows"

    assert erase(shop, monkeypatch, "--token", ada) == 0

    assert not in_files(shop.settings.home, ada)
    assert not [path for path in (shop.settings.archive.path / shop.name).rglob("*.csv") if ADA in path.read_text()]
    (wish,) = erased(shop.name, ["contact"])
    assert wish.report is not None
    assert wish.report["rows"]["gold.shoppers"] == {"2024-01-02": 1}
    assert unfinished(shop.name, "contact", ada) == []


@pytest.mark.parametrize(("date", "said", "rows"), [(DAY, "run the erasure again", 2), (LATER, "became version", 4)])
def test_what_a_stage_commits_after_the_audit_is_not_taken_back(
    spark, shop: Shop, monkeypatch, capsys, date: dt.date, said: str, rows: int
) -> None:
    real = rows_of_person._audit
    job = shop.job(date)

    def overtaken(rest, asked, found, *more):
        audit = real(rest, asked, found, *more)

        def audited(*arguments):
            report = audit(*arguments)
            nothing = lake.read(spark, found.table, job.dates).where("false")
            publish(job, found.table, nothing, audit=lambda *_: AuditReport(()))
            return report

        return audited

    monkeypatch.setattr(rows_of_person, "_audit", overtaken)
    assert erase(shop, monkeypatch) == EXIT_TEMPORARY
    assert said in capsys.readouterr().err
    assert len(shop.rows(spark, "bronze.customers", "email")) == rows


@pytest.mark.parametrize("kind", ["table", "file"])
def test_the_account_stays_and_the_person_is_set_aside(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    taken = [Input("table", "ref", "1", 0), Input(kind, "a", "7", 4, 1, 2), Input("table", "b", "7", 5)]
    monkeypatch.setattr(ledger, "inputs", lambda _: taken)
    found = rows_of_person.FoundRows(SimpleNamespace(source=None), 3, {(DAY, "", ""): 2})
    made = rows_of_person._accounting(found, {DAY: SimpleNamespace(rows_in=9)}, BatchDates.of(DAY))
    assert [(each.rows, each.quarantined, each.deduplicated) for each in made.inputs[DAY]] == [
        (0, 0, 0),
        (4, 2, 2),
        (5, 1, 0),
    ]
    assert (made.aggregated, made.expected(DAY)) == (False, 4)

    # More rows of the person than came in: nothing is invented, and the publication is refused.
    found = dataclasses.replace(found, rows={(DAY, "", ""): 7})
    made = rows_of_person._accounting(found, {DAY: SimpleNamespace(rows_in=9)}, BatchDates.of(DAY))
    assert (made.aggregated, made.expected(DAY)) == (False, 0)
    assert rows_of_person._accounting(found, {DAY: SimpleNamespace(rows_in=None)}, BatchDates.of(DAY)).aggregated


def test_a_slice_that_lost_anything_else_is_refused(spark, shop: Shop) -> None:
    table = shop.catalog["bronze.customers"]
    bob = privacy.token(privacy.load_key(get_settings()), "contact", "bob@example.org")
    (found,) = [each for each in rows_of_person.find_tables(spark, [table], bob) if each.table is table]
    assert found.by_date == {DAY: 1}
    rest = lake.read(spark, table, BatchDates.of(DAY)).where(f"email <> '{bob}'")

    def passed(rows, version: int = found.version) -> dict[str, bool]:
        report = rows_of_person._audit(rest, shop.job(), found, bob, version)(rows, table, BatchDates.of(DAY), None)
        return {check.name: check.passed for check in report.checks}

    assert passed(rest) == {"only_the_person_is_gone": True, "nothing_was_published_meanwhile": True}
    assert not passed(rest.where("false"))["only_the_person_is_gone"]
    assert not passed(rest.selectExpr("* EXCEPT (age)", "age + 1 AS age"))["only_the_person_is_gone"]
    assert not passed(rest, found.version - 1)["nothing_was_published_meanwhile"]


def test_what_is_refused(shop: Shop, monkeypatch, capsys) -> None:
    assert erase(shop, monkeypatch, value="nobody@example.org") == EXIT_FINAL
    assert "exactly as it was delivered" in capsys.readouterr().err
    assert erase(shop, monkeypatch, value="") == EXIT_FINAL
    assert erase(shop, monkeypatch, "--why", f"asked by {ADA.upper()}") == EXIT_FINAL
    assert "holds the value itself" in capsys.readouterr().err
    assert erase(shop, monkeypatch, "--column", "city") == EXIT_FINAL
    assert "no tokenised personal column 'city'; it has: email, name" in capsys.readouterr().err
    assert erase(shop, monkeypatch, "--token", "tok_1") == EXIT_FINAL
    assert erased(shop.name, ["contact"]) == []


def test_a_person_is_found_in_the_reasons_of_a_score(spark) -> None:
    table = Catalog(UseCase.load("flight_delays", get_settings()))["gold.scores"]
    reasons = [
        [("dest", "token-of-ann", 0.5, "flies"), ("carrier", None, 0.1, "flies")],
        [("dest", "BOS", 0.5, "flies with token-of-ann")],
        [("dest", "BOS", 0.5, "flies")],
        [],
        None,
    ]
    rows = [{"flight": number, "reasons": each} for number, each in enumerate(reasons)]
    values = [tuple(row.get(name) for name in table.column_names) for row in rows]
    scores = spark.createDataFrame(values, table.ddl)
    found = scores.where(rows_of_person._is_about(table, "token-of-ann")).collect()
    assert sorted(row.flight for row in found) == [0, 1]
