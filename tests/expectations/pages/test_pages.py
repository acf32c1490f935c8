"""The pages stand on their own, lead to each other, and never show what no one may see."""

from __future__ import annotations

import datetime as dt
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from expectations import audit, audit_of_tested, show_landed, show_refused, write_page
from expectations.pages import index_page
from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase
from nightshift.errors import TemporaryError
from nightshift.home.settings import Settings
from nightshift.lake.audit_report import Check
from nightshift.storage import Location
from tests.s3_server import with_pages_in_store

DAY = dt.date(2013, 10, 1)
NIGHT = BatchDates.of(DAY)
TESTED = Check("features_cover_the_schedule", "blocks", "A flight without features would not be scored.", passed=True)
ANYWHERE = pytest.mark.parametrize("home", ["folder", "S3"], indirect=True)


@pytest.fixture
def home(home: Settings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home whose pages lie in it; or, where a test asks for that, in a store."""
    return with_pages_in_store(request, monkeypatch) if getattr(request, "param", "folder") == "S3" else home


def links(page: Location) -> list[str]:
    return re.findall(r'(?:href|src)="([^"#][^"]*)"', page.read().decode())


def led_to(page: Location) -> list[Location]:
    """What the links of a page lead to."""
    beginning = page.parent
    found = []
    for link in links(page):
        up = link.count("../")
        place = beginning
        for _ in range(up):
            place = place.parent
        found.append(place / link[3 * up :])
    return found


@ANYWHERE
def test_pages_lead_to_each_other_and_need_nothing_else(home, published):
    report = audit(published.frame(published.rows(DAY)), published.table, NIGHT, expected_rows=2, tests=[TESTED])
    assert report.checks[0] == TESTED
    assert report.page.is_remote == (home.pages_url is not None)
    assert TESTED.name in report.page.read().decode()
    profile = report.page.parent / "001-passed-profile.html"
    index = home.data_docs / "flight_delays" / "index.html"
    assert (report.page.name, index.parent.name) == ("001-passed.html", "flight_delays")
    for page in (report.page, profile, index):
        assert links(page)
        assert all(other.exists() for other in led_to(page)), page
        assert b"<script" not in page.read()
    assert b"<svg" in profile.read()


@ANYWHERE
def test_attempts_are_numbered_and_none_is_overwritten(home, published):
    pages = [write_page([TESTED], published.table, NIGHT) for _ in range(2)]
    blocked = write_page([Check("rows", "blocks", "why", passed=False)], published.table, NIGHT)
    assert [page.name for page in (*pages, blocked)] == ["001-passed.html", "002-passed.html", "003-failed.html"]


@ANYWHERE
def test_attempts_at_one_moment_have_pages_of_their_own(home, published):
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda _: write_page([TESTED], published.table, NIGHT), range(8)))
    assert len({page.name for page in pages}) == 8
    assert len(json.loads((home.data_docs / "flight_delays" / "index.json").read())) == 8, "each is listed"


@ANYWHERE
def test_the_index_keeps_the_newest_of_each_table(home, published):
    dates = [DAY + dt.timedelta(days=number) for number in range(index_page.LISTED_AUDITS + 3)]
    for date in dates:
        page = write_page([TESTED], published.table, BatchDates.of(date))
    folder = home.data_docs / "flight_delays"
    listed = json.loads((folder / "index.json").read())
    assert [each["dates"] for each in listed] == [str(date) for date in dates[: -index_page.LISTED_AUDITS - 1 : -1]]
    assert listed[0]["page"] == page.relative_to(folder)
    assert all(other.exists() for other in led_to(folder / "index.html"))


@ANYWHERE
def test_the_first_page_leads_to_the_use_cases_and_refused_dates_come_first(home, published):
    page = write_page([TESTED], published.table, NIGHT)
    root = home.data_docs / "index.html"
    text = root.read().decode()
    assert page.exists()
    assert all(other.exists() for other in led_to(root))
    assert "flight_delays" in text
    assert "2013-10-01" in text
    assert "refused" not in text.replace("What was refused", "")
    broken = UseCase.load("flight_delays", home).model_copy(update={"name": "a_broken_one"})
    show_refused(broken, NIGHT, "schedule.csv has 1,917 bytes, <the manifest> says 1,999\nNext: ask the sender")
    text = root.read().decode()
    assert text.index("a_broken_one") < text.index("flight_delays")
    assert (
        "2013-10-01 refused</span><pre>schedule.csv has 1,917 bytes, &lt;the manifest&gt; says 1,999\nNext: ask" in text
    )
    own = root.parent / "a_broken_one" / "index.html"
    assert b"<h2>Refused</h2>" in own.read()
    # One of the dates lands.
    show_landed(broken, NIGHT)
    assert b"<h2>Refused</h2>" not in own.read()
    assert b"2013-10-01 refused" not in root.read()


def test_a_tested_table_is_profiled_and_compared(published):
    earlier = published.rows(DAY - dt.timedelta(days=1), flights=(1,))
    published.publish(DAY - dt.timedelta(days=1), earlier)
    table = published.declared(unique_for_days=1)
    report = audit_of_tested([TESTED])(published.frame(published.rows(DAY)), table, NIGHT, None)
    assert report.checks[0] == TESTED
    assert [check.name for check in report.blocking] == ["keys_are_unique_across_batch_dates"]
    assert report.profiles[DAY]["rows"] == 2


def test_unmarked_personal_data_warns_and_marked_does_not(published):
    addresses = published.spark.sql(
        f"SELECT DATE'{DAY}' AS batch_date, * EXCEPT (batch_date, dest), "
        "concat('ann.lee', flight, '@example.org') AS dest FROM {rows}",
        rows=published.frame(published.rows(DAY)),
    ).select(*published.table.column_names)
    report = audit(addresses, published.table, NIGHT, expected_rows=2)
    (warning,) = [check for check in report.warnings if "personal" in check.name]
    assert warning.name == "dest_holds_no_unmarked_personal_data"
    assert warning.observed == "of 2 values, 2 like e-mail addresses"
    marked = published.declared(
        columns=tuple(
            column.model_copy(update={"pii": "contact", "accepted": ("nobody",)}) if column.name == "dest" else column
            for column in published.table.columns
        )
    )
    report_of_marked = audit(addresses, marked, NIGHT, expected_rows=2)
    assert [check.name for check in report_of_marked.warnings] == []
    assert report_of_marked.blocking == [], "a token is no accepted value, and need not be"
    for made in (report, report_of_marked):
        for page in made.page.parent.files():
            assert b"ann.lee" not in (made.page.parent / page.name).read(), page
    assert "ann.lee" not in repr(report_of_marked)


def test_a_profile_that_cannot_be_made_blocks(published):
    rows = published.frame(published.rows(DAY)).drop("probability")
    report = audit_of_tested([TESTED])(rows, published.table, NIGHT, None)
    (check,) = report.blocking
    assert check.name == "profile_can_be_computed"
    assert "probability" in check.observed
    assert report.profiles == {}


def test_a_history_that_cannot_be_compared_blocks(published, monkeypatch):
    def broken(*_):
        raise KeyError("no such profile")

    monkeypatch.setattr("nightshift.ledger.profiles", broken)
    report = audit_of_tested([TESTED])(published.frame(published.rows(DAY)), published.table, NIGHT, None)
    (check,) = report.blocking
    assert check.name == "history_can_be_compared"
    assert "no such profile" in check.observed


def test_a_ledger_that_does_not_answer_leaves_the_audit_to_the_next_try(published, monkeypatch):
    def unreachable(*_):
        raise ConnectionError("no ledger")

    monkeypatch.setattr("nightshift.ledger.profiles", unreachable)
    with pytest.raises(TemporaryError, match="no ledger"):
        audit_of_tested([TESTED])(published.frame(published.rows(DAY)), published.table, NIGHT, None)


@pytest.mark.parametrize(("expected", "blocking"), [(0, []), (None, ["slice_is_not_empty"])])
def test_a_slice_without_rows_has_an_empty_profile(published, expected, blocking):
    report = audit_of_tested([TESTED])(published.frame(), published.table, NIGHT, expected)
    assert [check.name for check in report.blocking] == blocking
    assert report.profiles == {DAY: {"format": 1, "rows": 0, "columns": {}}}
    outcome = "failed" if blocking else "passed"
    assert (report.page.parent / f"001-{outcome}-profile.html").exists()
