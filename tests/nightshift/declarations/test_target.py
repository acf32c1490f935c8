"""What `target` says of labels: what can't be, is refused when it is read; which deliveries bring them."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from nightshift.declarations.label_deliveries import bringing, due_in_words, labels_due, read_for
from nightshift.declarations.sql_checks import check_sql
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from tests.declaring import Shop

TARGET = "target: {cases: orders, table: orders, column: is_returned"


def declared(shop: Shop, target: str, dates: str = "first: 2024-01-01", task: str = "") -> UseCase:
    file = shop.folder / "use_case.yaml"
    text = file.read_text().replace(TARGET, f"{TARGET}, {target}").replace("first: 2024-01-01", dates)
    file.write_text(text.replace(", costs: {false_alarm: 1, missed: 3}", "") + task if task else text)
    return UseCase.load("shop", get_settings())


@pytest.mark.parametrize(
    ("target", "dates", "task", "said"),
    [
        (
            "maturity_days: 40",
            "first: 2024-01-01, last: 2024-01-31",
            "",
            "use_case.yaml, line 10: target.maturity_days: no label ever matures: that of dates.first, 2024-01-01, "
            "comes with the delivery of 2024-02-10, and dates.last is 2024-01-31",
        ),
        (
            "maturity_deliveries: 3",
            "first: 2024-01-31, last: 2024-03-31, cadence: monthly, day: last",
            "",
            "target.maturity_deliveries: no label ever matures: that of dates.first, 2024-01-31, comes with the "
            "delivery of 2024-04-30",
        ),
        ("arrives: some_day", "first: 2024-01-01", "", "target.arrives: "),
        (
            "if_unknown: 2",
            "first: 2024-01-01",
            "",
            "target.if_unknown: a binary label is true or false, or 0 or 1, and this is 2",
        ),
        (
            "if_unknown: no",
            "first: 2024-01-01",
            "task: regression",
            "target.if_unknown: a regression label is a number, and this is False",
        ),
    ],
)
def test_labels_that_can_not_be_are_refused(shop: Shop, target: str, dates: str, task: str, said: str) -> None:
    with pytest.raises(NightshiftError, match=re.escape(said)):
        declared(shop, target, dates, task)


@pytest.mark.parametrize(
    "known_when",
    ["ended_at IS NOT NULL", "ended_at < batch_date", "ended_at < to_utc_timestamp(batch_date, 'Europe/Berlin')"],
)
def test_a_predicate_over_the_row_and_its_delivery_may_say_what_is_known(shop: Shop, known_when: str) -> None:
    declared(shop, f'known_when: "{known_when}"')
    shop.tables += "      - {name: ended_at, type: timestamp, description: When it was over.}\n"
    check_sql(shop.catalog())


def test_a_predicate_that_names_no_column_is_refused_with_its_line(shop: Shop) -> None:
    declared(shop, "known_when: stage > 1")
    with pytest.raises(NightshiftError) as error:
        check_sql(shop.catalog())
    assert f"{shop.folder / 'use_case.yaml'}, line 10: target.known_when: stage is no column" in str(error.value)


MONTHLY = "first: 2024-01-31, cadence: monthly, day: last"


def test_labels_come_with_one_delivery_or_with_any_up_to_it(shop: Shop) -> None:
    use_case = declared(shop, "maturity_days: 60", MONTHLY)
    january, april = dt.date(2024, 1, 31), dt.date(2024, 4, 30)
    assert bringing(use_case, january) == [april - dt.timedelta(days=30)]
    assert str(read_for(use_case, use_case.between(january, january))) == "2024-03-31"
    by = use_case.model_copy(update={"target": use_case.target.model_copy(update={"arrives": "by_maturity"})})
    assert list(map(str, bringing(by, january))) == ["2024-02-29", "2024-03-31"]
    # As far back as a case may have been known before it was one.
    february = dt.date(2024, 2, 29)
    assert str(read_for(by, by.between(february, february))) == "2024-01-31..2024-04-30"


def test_beyond_a_list_of_dates_the_last_label_is_still_awaited(shop: Shop) -> None:
    (shop.folder / "batch_dates.txt").write_text("2024-01-02\n2024-01-05\n")
    use_case = declared(shop, "arrives: by_maturity, maturity_days: 9", "first: 2024-01-02, cadence: calendar")
    assert list(map(str, bringing(use_case, dt.date(2024, 1, 2)))) == ["2024-01-05", "2024-01-11"]
    assert list(map(str, bringing(use_case, dt.date(2024, 1, 5)))) == ["2024-01-14"]
    assert labels_due(use_case, dt.date(2024, 1, 2)) is None
    assert due_in_words(None) == "after the end of batch_dates.txt"


def test_no_day_is_named_beyond_a_list_of_dates(shop: Shop) -> None:
    (shop.folder / "batch_dates.txt").write_text("2024-01-02\n2024-01-05\n")
    with pytest.raises(
        NightshiftError, match=r"2024-01-02, comes after the end of batch_dates\.txt, and dates\.last is"
    ):
        declared(shop, "maturity_days: 9", "first: 2024-01-02, last: 2024-01-05, cadence: calendar")


@pytest.mark.parametrize(("arrives", "days"), [("at_maturity", 90), ("by_maturity", 110)])
def test_labels_are_kept_as_long_as_a_training_reads_them(shop: Shop, arrives: str, days: int) -> None:
    declared(shop, f"arrives: {arrives}, maturity_days: 10")
    # The silver table, which is the last.
    rest, silver = shop.tables.rsplit("    grain:", 1)
    shop.tables = f"{rest}    retention_days: {days}\n    grain:{silver}"
    said = (
        f"retention_days: {days} is not over {days}, which training.history_days of the use case, for its labels, reads"
    )
    with pytest.raises(NightshiftError, match=said):
        shop.catalog()
    shop.change(f"retention_days: {days}", f"retention_days: {days + 1}").catalog()
