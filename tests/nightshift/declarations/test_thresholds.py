"""Thresholds are declared with the table, checked when they are read, and documented as they are."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift.declarations.thresholds import Thresholds
from nightshift.errors import NightshiftError
from nightshift.home.settings import PROJECT_DIR
from tests.declaring import Shop


def declared(shop: Shop, text: str) -> Shop:
    return shop.change("grain: one row per order\n", f"grain: one row per order\n    thresholds: {text}\n")


def test_a_table_has_thresholds_of_its_own(shop: Shop) -> None:
    text = "{unusual_share: 0.5, accepted_volumes: {2024-11-29: sale}}"
    found = declared(shop, text).catalog()["silver.orders"].thresholds
    assert found == Thresholds(unusual_share=0.5, accepted_volumes={dt.date(2024, 11, 29): "sale"})
    assert found.too_many == Thresholds().too_many


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{unusal_share: 0.5}", "thresholds: unusal_share: there is no such field: is `unusual_share` meant?"),
        ("{too_many: 0.5}", "thresholds: too_many: Input should be greater than 1"),
        ("{too_few: 1}", "thresholds: too_few: Input should be less than 1"),
        ("{null_share: .nan}", "thresholds: null_share: Input should be"),
        ("{weeks: 0}", "thresholds: weeks: Input should be greater than 0"),
        ("{accepted_volumes: {29.11.: sale}}", "thresholds: accepted_volumes: 29.11.: "),
        ("{accepted_volumes: {2024-11-29: }}", "must be text, and is nothing"),
        ("[0.5]", "thresholds: must be a mapping, and is a list"),
        ("{history_at_least: 9}", "history_at_least 9 is over weeks 8 and recent_deliveries 7, so that rows would"),
        ("{history_at_least: 9, recent_days: 8}", "is over weeks 8 and recent_days 8, so that rows"),
        ("{recent_days: 7, recent_deliveries: 7}", "recent_deliveries and recent_days say the same twice"),
        ("{column_history_at_least: 15}", "so that columns would never be judged"),
    ],
)
def test_wrong_thresholds_are_refused_with_their_line(shop: Shop, text: str, words: str) -> None:
    with pytest.raises(NightshiftError) as refused:
        declared(shop, text).catalog()
    assert words in str(refused.value)
    assert f"{shop.folder / 'tables.yaml'}, line 7: bronze.orders" in str(refused.value)


@pytest.mark.parametrize(
    ("dates", "text", "words"),
    [
        (
            "first: 2024-01-07, cadence: weekly, weekday: sunday",
            "{recent_days: 14}",
            "mostly 2 earlier ones, and h",
        ),
        ("first: 2024-01-31, cadence: monthly, day: last", "{recent_days: 31}", "`recent_deliveries: 3` or more"),
        (
            "first: 2024-01-01, cadence: monthly, day: 1",
            "{recent_deliveries: 4}",
            "and column_history_at_least asks for 5",
        ),
        (
            "first: 2024-01-01, cadence: calendar",
            "{recent_days: 2}",
            "within 2 days before a batch date there is mostly 1",
        ),
    ],
)
def test_a_comparison_that_reaches_too_few_deliveries_is_refused(shop: Shop, dates: str, text: str, words: str) -> None:
    file = shop.folder / "use_case.yaml"
    file.write_text(file.read_text().replace("first: 2024-01-01", dates))
    # Every second day.
    days = (dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(0, 200, 2))
    (shop.folder / "batch_dates.txt").write_text("\n".join(map(str, days)))
    shop.catalog()
    with pytest.raises(NightshiftError, match=r"tables.yaml, line \d+: bronze.orders: thresholds: within") as refused:
        declared(shop, text).catalog()
    assert words in str(refused.value)


def test_the_documents_say_each_threshold_with_its_default() -> None:
    documents = (PROJECT_DIR / "docs" / "audits.md").read_text(encoding="utf-8")
    for name, field in Thresholds.model_fields.items():
        default = f"{field.default:g}" if isinstance(field.default, int | float) else "none"
        assert f"| `{name}` | {default} | {field.description} |" in documents
