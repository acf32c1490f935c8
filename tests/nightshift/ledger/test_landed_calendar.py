"""A cadence that changes after something was landed is noticed, also where each landed date is still a batch date."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from nightshift import ledger
from nightshift.declarations.use_case import UseCase
from nightshift.errors import EXIT_FINAL, DeclarationError
from nightshift.home.settings import get_settings
from nightshift.ledger.advisory_locks import turn
from nightshift.ledger.landed_calendar import keep_calendar, landing_turn, refuse_other_calendar
from tests.declaring import Shop
from training import train

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


def listed(shop: Shop, *days: int) -> UseCase:
    return with_dates(shop, LISTED, *(f"2024-01-{day:02}" for day in days))


def test_a_list_may_change_after_what_was_landed(home: object, shop: Shop) -> None:
    refuse_other_calendar(listed(shop, 7, 10, 12))
    land(7, 10)
    refuse_other_calendar(listed(shop, 7, 10, 15, 16))
    refuse_other_calendar(listed(shop, 7, 10, 11, 15))


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ((7, 9, 12, 14), "taken out: 2024-01-10)"),
        ((7, 8, 9, 10, 12, 14), "added: 2024-01-08)"),
        ((7, 9, 11, 12, 14), "added: 2024-01-11; taken out: 2024-01-10)"),
        ((7, 9, 10, 14), "taken out: 2024-01-12)"),  # landed
    ],
)
def test_a_list_may_not_change_before_the_newest_landed_date(
    home: object, shop: Shop, days: tuple[int, ...], said: str
) -> None:
    refuse_other_calendar(listed(shop, 7, 9, 10, 12, 14))
    # Nothing came on 9 and 10 January.
    land(7, 12)
    with pytest.raises(DeclarationError, match=r"batch_dates\.txt differs up to 2024-01-12") as error:
        refuse_other_calendar(listed(shop, *days))
    assert said in str(error.value)
    assert "dates are added at its end" in str(error.value)
    refuse_other_calendar(listed(shop, 7, 9, 10, 12, 14, 16))


def test_an_installation_that_kept_no_calendar_yet_is_asked_for_all_that_was_landed(home: object, shop: Shop) -> None:
    land(8, 14)
    with pytest.raises(DeclarationError, match="landed as batch dates of shop, and none any more: 2024-01-08; these"):
        refuse_other_calendar(with_dates(shop, SUNDAYS))


def test_landed_dates_that_are_weeks_apart_are_hardly_daily_and_may_still_become_weekly(
    home: object, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    land(7, 14, 21)
    refuse_other_calendar(with_dates(shop, "first: 2024-01-07"))
    assert "no two of the 3 deliveries of shop that were landed are a day apart" in caplog.text
    refuse_other_calendar(with_dates(shop, SUNDAYS))
    with pytest.raises(DeclarationError, match="were Sundays when 2024-01-21 was landed, and are now every day"):
        refuse_other_calendar(with_dates(shop, "first: 2024-01-07"))


def test_a_landing_that_began_with_another_calendar_is_asked_again(home: object, shop: Shop) -> None:
    begun = with_dates(shop, SUNDAYS)
    refuse_other_calendar(begun)
    refuse_other_calendar(with_dates(shop, "first: 2024-01-07"))
    with turn(landing_turn(begun)):
        keep_calendar(begun)
        land(7)
    with pytest.raises(DeclarationError, match="were Sundays when 2024-01-07 was landed, and are now every day"):
        refuse_other_calendar(with_dates(shop, "first: 2024-01-07"))


def test_a_training_asks_as_well(home: object, shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    refuse_other_calendar(with_dates(shop, SUNDAYS))
    land(7, 14)
    with_dates(shop, "first: 2024-01-07")
    assert train.main(["--use-case", "shop", "--dates", "2024-01-07..2024-01-14"]) == EXIT_FINAL
    assert "were Sundays when 2024-01-14 was landed, and are now every day" in capfd.readouterr().err
