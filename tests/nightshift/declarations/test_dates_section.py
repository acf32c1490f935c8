"""Which batch dates a use case has; what can't be a calendar is refused with file, field and remedy."""

from __future__ import annotations

import re

import pytest

from nightshift.dates import DAILY, Calendar, Length, Monthly, Weekly
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from tests.declaring import Shop

FIRST = "dates: {first: 2024-01-01}"


def declared(shop: Shop, dates: str, **changes: str) -> UseCase:
    """The use case with other dates, and other lines by their beginning."""
    file = shop.folder / "use_case.yaml"
    text = file.read_text().replace(FIRST, f"dates: {{{dates}}}")
    for name, line in changes.items():
        text = re.sub(rf"^{name}: .*$", f"{name}: {line}", text, flags=re.MULTILINE)
    file.write_text(text)
    return UseCase.load("shop", get_settings())


@pytest.mark.parametrize(
    ("dates", "calendar"),
    [
        ("first: 2024-01-01", DAILY),
        ("first: 2024-01-07, cadence: weekly, weekday: sunday", Weekly(6)),
        ("first: 2024-02-28, cadence: monthly, day: 28", Monthly(28)),
        ("first: 2024-02-29, cadence: monthly, day: last", Monthly(None)),
    ],
)
def test_a_cadence_says_which_days_are_batch_dates(shop: Shop, dates: str, calendar: Calendar) -> None:
    assert declared(shop, dates).calendar == calendar


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ("first: 2024-01-01, cadence: hourly", "dates.cadence: "),
        (
            "first: 2024-01-07, cadence: weekly",
            "dates: weekday: is missing: which one a weekly delivery has, like sunday",
        ),
        ("first: 2024-01-07, cadence: weekly, weekday: sonntag", "dates.weekday: "),
        ("first: 2024-01-01, cadence: monthly", "dates: day: is missing: which one a monthly delivery has, like 1"),
        ("first: 2024-01-01, cadence: monthly, day: 31", "not every month has a day 31: write `last` for the last day"),
        ("first: 2024-01-01, cadence: monthly, day: 0", "dates.day"),
        ("first: 2024-01-01, day: 1", "dates: day: means nothing where the cadence is daily"),
        (
            "first: 2024-01-08, cadence: weekly, weekday: sunday",
            "first: 2024-01-08 is no batch date: these are Sundays",
        ),
        (
            "first: 2024-01-31, last: 2024-06-29, cadence: monthly, day: last",
            "last: 2024-06-29 is no batch date: these are the last day of each month\nNext: write one of them, like "
            "2024-05-31 or 2024-06-30",
        ),
    ],
)
def test_what_is_no_cadence_is_refused(shop: Shop, dates: str, said: str) -> None:
    with pytest.raises(NightshiftError, match=re.escape(said)) as refused:
        declared(shop, dates)
    assert "use_case.yaml" in str(refused.value)


def test_a_list_of_dates_is_read_from_the_folder(shop: Shop) -> None:
    (shop.folder / "batch_dates.txt").write_text(
        "# Trading days\n2024-01-02\n2024-01-03  # a short one\n\n2024-01-05\n"
    )
    use_case = declared(shop, "first: 2024-01-02, cadence: calendar")
    assert [str(date) for date in use_case.batch_dates("2024-01-01..2024-01-31")] == [
        "2024-01-02",
        "2024-01-03",
        "2024-01-05",
    ]
    with pytest.raises(NightshiftError, match=r"2024-01-04 is no batch date: these are the dates of batch_dates\.txt"):
        use_case.batch_dates("2024-01-04")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "batch_dates.txt is missing, and `dates.cadence: calendar` reads the batch dates there"),
        ("", "batch_dates.txt holds no date"),
        (
            "2024-01-02\n2024-13-01\n",
            "line 2: '2024-13-01' is no date\nNext: write it like 2024-01-31",
        ),
        ("2024-01-02\n2024-01-02\n", "line 2: 2024-01-02 stands there twice\nNext: put the dates in order, each once"),
        ("2024-01-03\n# x\n2024-01-02\n", "line 3: 2024-01-02 comes after 2024-01-03"),
        ("2024-01-02\n2026-01-02\n", "line 2: between 2024-01-02 and 2026-01-02 there is none for 731 days"),
    ],
)
def test_a_list_that_can_not_be_one_is_refused_with_its_line(shop: Shop, text: str | None, said: str) -> None:
    if text is not None:
        (shop.folder / "batch_dates.txt").write_text(text)
    with pytest.raises(NightshiftError, match=re.escape(said)):
        declared(shop, "first: 2024-01-02, cadence: calendar")


def test_lengths_are_in_days_or_in_deliveries(shop: Shop) -> None:
    use_case = declared(
        shop,
        "first: 2024-01-31, cadence: monthly, day: last",
        nightly="{lookback_deliveries: 6}",
        target="{cases: orders, table: orders, column: is_returned, maturity_days: 20}",
        training="{test_deliveries: 9, costs: {false_alarm: 1, missed: 3}}",
    )
    assert use_case.lookback == Length(6, "deliveries")
    assert use_case.maturity == Length(20)
    assert use_case.training.length("test") == Length(9, "deliveries")
    assert use_case.training.length("history") == Length(365)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("nightly", "{lookback_days: 28, lookback_deliveries: 4}"),
        ("target", "{cases: orders, table: orders, column: is_returned, maturity_days: 1, maturity_deliveries: 1}"),
        ("training", "{test_days: 30, test_deliveries: 30, costs: {false_alarm: 1, missed: 3}}"),
    ],
)
def test_a_length_that_is_given_twice_is_refused(shop: Shop, name: str, line: str) -> None:
    with pytest.raises(
        NightshiftError, match=r"_deliveries and .*_days say the same twice: keep the one that is meant"
    ):
        declared(shop, "first: 2024-01-01", **{name: line})


def test_a_length_of_a_table_that_is_given_twice_is_refused(shop: Shop) -> None:
    shop.change("    source:", "    unique_for_days: 7\n    unique_for_deliveries: 1\n    source:")
    with pytest.raises(NightshiftError, match="unique_for_deliveries and unique_for_days say the same twice"):
        shop.catalog()


@pytest.mark.parametrize(
    ("dates", "cron"),
    [
        ("first: 2024-01-01", "0 0 * * *"),
        ("first: 2024-01-07, cadence: weekly, weekday: sunday", "0 0 * * 0"),
        ("first: 2024-01-01, cadence: monthly, day: 1", "0 0 1 * *"),
    ],
)
def test_a_cron_expression_may_say_the_same(shop: Shop, dates: str, cron: str) -> None:
    assert declared(shop, dates, nightly=f"{{schedule: '{cron}'}}").nightly.schedule == cron


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("30 0 * * *", "ticks at 2024-01-01 00:30, and a night begins at midnight of its batch date, here 2024-01-01"),
        ("0 0 * * 1-5", "ticks at 2024-01-08 00:00, and a night begins at midnight of its batch date, here 2024-01-06"),
        ("every night", "'every night' is no cron expression, like `0 5 * * *` for five o'clock each day"),
        ("0 * * * *", "'0 * * * *' ticks more than once a day"),
        ("* * * * * *", "'* * * * * *' is no cron expression"),
    ],
)
def test_a_cron_expression_that_says_something_else_is_refused(shop: Shop, cron: str, said: str) -> None:
    with pytest.raises(NightshiftError, match=re.escape(said)) as refused:
        declared(shop, "first: 2024-01-01", nightly=f"{{schedule: '{cron}'}}")
    assert "use_case.yaml, line 9: nightly.schedule" in str(refused.value)


@pytest.mark.parametrize("name", ["training", "delivery"])
def test_a_training_or_catch_up_more_than_once_a_day_is_refused(shop: Shop, name: str) -> None:
    lines = {
        "training": "{schedule: '0 */6 * * *', costs: {false_alarm: 1, missed: 3}}",
        "delivery": "{catch_up_schedule: '0 */6 * * *'}",
    }
    file = shop.folder / "use_case.yaml"
    file.write_text(file.read_text() + "\ndelivery: {}\n")
    with pytest.raises(NightshiftError, match="ticks more than once a day, and a run stands for a day"):
        declared(shop, "first: 2024-01-01", **{name: lines[name]})
