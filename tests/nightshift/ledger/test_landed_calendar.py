"""A cadence that changes after something was landed is noticed, also where each landed date is still a batch date."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from nightshift import ledger
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError
from nightshift.home.settings import get_settings
from nightshift.ledger.landed_calendar import refuse_other_calendar
from tests.declaring import Shop

SUNDAYS = "first: 2024-01-07, cadence: weekly, weekday: sunday"
LISTED = "first: 2024-01-07, cadence: calendar"


def with_dates(shop: Shop, dates: str, *listed: str) -> UseCase:
    file = shop.folder / "use_case.yaml"
    file.write_text(re.sub(r"dates: \{.*\}", f"dates: {{{dates}}}", file.read_text()))
    (shop.folder / "batch_dates.txt").write_text("\n".join(listed))
    return UseCase.load("shop", get_settings())


def land(*days: int) -> None:
    entry = {"use_case": "shop", "stage": "land", "table_name": "bronze.orders", "run_id": "night"}
    dates = [dt.date(2024, 1, day) for day in days]
    with ledger.attempt(entry, {date: {} for date in dates}) as attempt:
        attempt.published(0, dict.fromkeys(dates, 1))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (SUNDAYS, "first: 2024-01-07", "were Sundays when 2024-01-14 was landed, and are now every day"),
        (SUNDAYS, LISTED, "were Sundays when 2024-01-14 was landed, and are now the dates of batch_dates.txt"),
        ("first: 2024-01-07", SUNDAYS, "were every day when 2024-01-14 was landed, and are now Sundays"),
        (LISTED, SUNDAYS, "were the dates of batch_dates.txt, from 2024-01-07 to 2024-01-21 when 2024-01-14 was"),
    ],
)
def test_another_cadence_is_refused(home: object, shop: Shop, before: str, after: str, said: str) -> None:
    listed = ("2024-01-07", "2024-01-14", "2024-01-21")
    refuse_other_calendar(with_dates(shop, before, *listed))
    land(7, 14)
    refuse_other_calendar(with_dates(shop, before, *listed))
    with pytest.raises(DeclarationError) as error:
        refuse_other_calendar(with_dates(shop, after, *listed))
    assert said in str(error.value)
    assert "another cadence is another use case" in str(error.value)


def test_before_anything_was_landed_it_may_change(home: object, shop: Shop) -> None:
    refuse_other_calendar(with_dates(shop, SUNDAYS))
    refuse_other_calendar(with_dates(shop, "first: 2024-01-08"))
    land(8)
    with pytest.raises(DeclarationError, match="were every day when 2024-01-08 was landed"):
        refuse_other_calendar(with_dates(shop, SUNDAYS))


def test_a_list_may_grow_and_lose_what_was_not_landed(home: object, shop: Shop) -> None:
    refuse_other_calendar(with_dates(shop, LISTED, "2024-01-07", "2024-01-10", "2024-01-12"))
    land(7, 10)
    refuse_other_calendar(with_dates(shop, LISTED, "2024-01-07", "2024-01-10", "2024-01-15", "2024-01-16"))
    with pytest.raises(DeclarationError, match=r"2024-01-10 was landed .* none any more: .* \(1 such dates\)"):
        refuse_other_calendar(with_dates(shop, LISTED, "2024-01-07", "2024-01-15", "2024-01-16"))


def test_an_installation_that_kept_no_calendar_yet_is_asked_for_all_that_was_landed(home: object, shop: Shop) -> None:
    land(8, 14)
    with pytest.raises(DeclarationError, match="2024-01-08 was landed as a batch date of shop, and is none any more"):
        refuse_other_calendar(with_dates(shop, SUNDAYS))
