"""The dictionary of reasons: what it says, and what it may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.models.reason_wording import Wording
from nightshift.models.reasons_dictionary import wordings
from tests.declaring import Shop

MODEL = """
models:
  - name: shop_orders
    description: What the model sees.
    config: {meta: {layer: gold, grain: one row per order, keys: [id]}}
    columns:
      - {name: id, data_type: bigint, description: Number.}
      - {name: amount, data_type: double, description: What it costs., config: {meta: {role: feature, unit: euro}}}
      - name: rate
        data_type: double
        description: Share of {broken} orders.
        config: {meta: {role: feature, unit: share}}
      - {name: since, data_type: double, description: Time., config: {meta: {role: feature, unit: minutes after noon}}}
      - name: city
        data_type: string
        description: Where to.
        config: {meta: {role: feature, categorical: true}}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch).model({"orders.yml": MODEL})


def said(shop: Shop, text: str | None = None) -> dict[str, Wording]:
    if text is not None:
        (shop.folder / "reasons.yaml").write_text(text)
    catalog = shop.catalog()
    return wordings(catalog.use_case, catalog["gold.orders"])


def test_a_phrase_is_taken_from_the_file_and_its_form_from_the_unit(shop: Shop) -> None:
    found = said(
        shop,
        "features:\n"
        "  amount: {raises: 'dear, at {value} euro', lowers: 'cheap, at {value} euro', names: {0: nothing}}\n"
        "  rate: {raises: often, lowers: rarely, missing: never seen}\n",
    )
    assert found["amount"] == Wording(
        "dear, at {value} euro", "cheap, at {value} euro", "What it costs: not known", "number", {"0": "nothing"}
    )
    assert found["rate"] == Wording("often", "rarely", "never seen", "share")
    assert (found["since"].form, found["city"].form) == ("clock", "text")


def test_a_feature_without_a_phrase_is_called_by_its_description(shop: Shop) -> None:
    found = said(shop)
    assert found["amount"].phrase(12.5, raises=True) == "What it costs: 12.5"
    assert found["amount"].phrase(None, raises=False) == "What it costs: not known"
    assert found["rate"].phrase(0.25, raises=False) == "Share of (broken) orders: 25 %"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("features: {colour: {raises: a, lowers: b}}", "colour: gold.orders has no such feature"),
        ("features: {id: {raises: a, lowers: b}}", "id: gold.orders has no such feature"),
        ("features: {amount: {raises: a}}", "features.amount.lowers: is missing"),
        ("features: {amount: {raises: 'a {amount}', lowers: b}}", "features.amount.raises: .*has {amount}; the only"),
        (
            "features: {amount: {raises: 'a {value:.2f}', lowers: b}}",
            "features.amount.raises: .*the only thing",
        ),
        ("features: {amount: {raises: 'a {', lowers: b}}", "features.amount.raises: .*the only braces are those of"),
        ("features: {amount: {raises: ' ', lowers: b}}", "features.amount.raises: .*can't be empty"),
        ("features: {amount: {raises: a, lowers: b, missing: '{value}'}}", "features.amount.missing: .*is nothing"),
        ("features: {amount: {raises: a, lowers: b, form: euro}}", "features.amount.form"),
    ],
)
def test_a_wrong_entry_is_named_with_file_and_feature(shop: Shop, text: str, words: str) -> None:
    with pytest.raises(NightshiftError, match=words) as error:
        said(shop, text)
    assert str(shop.folder / "reasons.yaml") in str(error.value)


def test_each_feature_of_the_flights_has_phrases_that_can_be_said() -> None:
    get_settings.cache_clear()
    use_case = UseCase.load("flight_delays", get_settings())
    features = Catalog(use_case)["gold.features"]
    for name, wording in wordings(use_case, features).items():
        described = next(column.description for column in features.features if column.name == name)
        assert described.rstrip(".") not in wording.raises, f"{name} has no phrase in reasons.yaml"
        assert wording.raises != wording.lowers
        assert len(wording.phrase(0.5 if wording.form != "text" else "XX", raises=True)) < 140
