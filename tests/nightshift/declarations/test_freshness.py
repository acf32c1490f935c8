"""A table is overdue by the hours that its newest batch date is too old."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from nightshift.declarations.freshness import overdue
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from tests.declaring import Shop

BERLIN = ZoneInfo("Europe/Berlin")


def orders(shop: Shop, hours: int | None = 30, offset: int = 0) -> tuple[Table, UseCase]:
    shop.change("format: csv}", f"format: csv, first_batch_date_offset: {offset}}}")
    if hours is not None:
        shop.change("source:", f"freshness_hours: {hours}\n    source:")
    catalog = shop.catalog()
    return catalog["bronze.orders"], catalog.use_case


def at(day: int, hour: int, minute: int = 0, *, month: int = 5) -> dt.datetime:
    return dt.datetime(2024, month, day, hour, minute, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at(10, 0), None),
        (at(11, 6), None),
        (at(11, 6, 1), dt.timedelta(minutes=1)),
        (at(12, 6), dt.timedelta(days=1)),
        # The same instant as 06:01 in Berlin.
        (dt.datetime(2024, 5, 11, 4, 1, tzinfo=dt.UTC), dt.timedelta(minutes=1)),
    ],
)
def test_age_counts_from_midnight_of_the_newest_batch_date(
    shop: Shop, now: dt.datetime, expected: dt.timedelta | None
) -> None:
    assert overdue(*orders(shop), dt.date(2024, 5, 10), now) == expected


def test_a_day_of_23_hours_is_one_hour_shorter(shop: Shop) -> None:
    table, use_case = orders(shop)
    # 31 March 2024 has no 02:00 in Berlin: 30 hours after its midnight it is 07:00 on 1 April.
    assert overdue(table, use_case, dt.date(2024, 3, 31), at(1, 7, month=4)) is None
    assert overdue(table, use_case, dt.date(2024, 3, 31), at(1, 8, month=4)) == dt.timedelta(hours=1)


def test_nothing_published_is_as_old_as_the_day_before_the_first(shop: Shop) -> None:
    table, use_case = orders(shop, offset=2)
    assert overdue(table, use_case, None, at(3, 6, month=1)) is None
    assert overdue(table, use_case, None, at(3, 7, month=1)) == dt.timedelta(hours=1)


def test_without_a_promise_nothing_is_overdue(shop: Shop) -> None:
    assert overdue(*orders(shop, hours=None), None, at(1, 0)) is None


def test_a_use_case_that_has_ended_is_complete_with_its_last_date(shop: Shop) -> None:
    text = (shop.folder / "use_case.yaml").read_text()
    (shop.folder / "use_case.yaml").write_text(text.replace("first: 2024-01-01", "first: 2024-01-01, last: 2024-01-31"))
    table, use_case = orders(shop)
    assert overdue(table, use_case, dt.date(2024, 1, 31), at(1, 0)) is None
    assert overdue(table, use_case, dt.date(2024, 1, 30), at(1, 0, month=2)) == dt.timedelta(hours=18)


def test_an_instant_without_a_zone_is_a_mistake(shop: Shop) -> None:
    with pytest.raises(ValueError, match="time zone"):
        overdue(*orders(shop), dt.date(2024, 5, 10), dt.datetime(2024, 5, 11))
