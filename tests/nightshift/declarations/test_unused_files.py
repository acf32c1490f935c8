"""A function or a module whose name belongs to no table is refused, not passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.declarations import misplaced_files, unused_files
from nightshift.errors import NightshiftError
from tests.declaring import Shop

MODULE = "def expectations(table, dates):\n    return iter(())\n"
MART = """
- layer: gold
  name: totals
  description: Sums.
  grain: one row per day
  keys: [day]
  agrees_with: [{name: all, why: w, table: silver.orders}]
  columns: [{name: day, type: date, description: Day.}]
"""


def refusal(shop: Shop) -> str:
    with pytest.raises(NightshiftError) as refused:
        shop.catalog()
    return str(refused.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "def order(orders):\n    return orders\n",
            "no silver table is called order, so nothing calls this function (is orders",
        ),
        (
            "def orders(orders):\n    return orders\n\ndef clean(rows):\n    return rows\n",
            "no silver table is called clean",
        ),
        ("def orders(orders\n", "refine.py, line 1, is not valid Python"),
    ],
)
def test_a_function_that_no_table_asks_for_is_refused(shop: Shop, code: str, words: str) -> None:
    (shop.folder / "refine.py").write_text(code)
    assert words in refusal(shop)


def test_a_module_that_nothing_loads_is_refused(shop: Shop) -> None:
    for name in ("refine", "sample_source", "__init__", "_helper"):
        (shop.folder / f"{name}.py").write_text("")
    assert shop.catalog()
    (shop.folder / "refine.py").rename(shop.folder / "refined.py")
    assert "refined.py: nothing loads this module (is refine meant?)" in refusal(shop)


def test_models_and_audits_astray_are_named(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unused_files, "AUDITS", tmp_path / "audits")
    for folder, file in (("pages", "plots"), ("other", "silver_orders")):
        (tmp_path / "audits" / folder).mkdir(parents=True)
        (tmp_path / "audits" / folder / f"{file}.py").write_text(MODULE)
    others = shop.models.with_name("other")
    (others / "marts").mkdir(parents=True)
    (others / "marts" / "other_totals.sql").touch()
    # Of a use case that is not here now.
    assert shop.catalog()
    warned = list(misplaced_files.strangers(tmp_path / "audits"))
    assert [text.split(" of no use case")[0] for text in warned] == [
        f"{others} holds models",
        f"{tmp_path / 'audits' / 'other'} holds checks",
    ]

    (others / "marts" / "shop_totals.sql").touch()
    assert "shop_totals.sql is a table of shop by its name, and nothing builds it there" in refusal(shop)
    (others / "marts" / "shop_totals.sql").unlink()
    (tmp_path / "audits" / "other").rename(tmp_path / "audits" / "shops")
    assert f"is {tmp_path / 'audits' / 'shop'} meant?" in refusal(shop)
    (tmp_path / "audits" / "shop").mkdir()
    assert shop.catalog()
    shop.models.rename(shop.models.with_name("shopp"))
    (shop.models.with_name("shopp") / "stg_shop__orders.sql").touch()
    assert f"is {shop.models} meant?" in refusal(shop)


def test_a_folder_that_is_no_use_case_is_named(shop: Shop) -> None:
    (shop.folder / "__pycache__").mkdir()
    for folder, file in (("typo", "use_case.yaml.txt"), ("empty", "notes"), ("__pycache__", "x.pyc")):
        shop.folder.with_name(folder).mkdir()
        (shop.folder.with_name(folder) / file).touch()
    empty, typo = misplaced_files.undeclared()
    assert "empty has no use_case.yaml, so" in empty
    assert "typo has no use_case.yaml (is use_case.yaml.txt meant to be it?)" in typo


def test_helpers_begin_with_an_underscore(shop: Shop) -> None:
    (shop.folder / "refine.py").write_text(
        "def orders(orders):\n    return orders\n\ndef _clean(rows):\n    return rows\n"
    )
    assert shop.catalog()["silver.orders"]


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        (
            "silver_order",
            MODULE,
            "silver_order.py: no table is called silver.order, so nothing runs these checks (is silver_ord",
        ),
        ("orders", MODULE, "orders.py: no table is called orders"),
        ("gold_totals", MODULE, "gold_totals.py: gold.totals is a mart, which dbt's tests audit"),
        (
            "silver_orders",
            "THRESHOLDS = dict(weeks=4)\n",
            "thresholds are declared with the table: write them under `thr",
        ),
        (
            "silver_orders",
            MODULE.replace("expectations", "expectation"),
            "so that it checks nothing (is expectation meant?)",
        ),
        ("silver_orders", "def expectations(:\n", "silver_orders.py, line 1, is not valid Python"),
        ("silver_orders", "x = '\0'\n", "silver_orders.py, line 1, is not valid Python"),
    ],
)
def test_an_audit_module_that_would_check_nothing_is_refused(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: str, words: str
) -> None:
    monkeypatch.setattr(unused_files, "AUDITS", tmp_path)
    (tmp_path / "shop").mkdir()
    for good in ("__init__", "_helper"):
        (tmp_path / "shop" / f"{good}.py").write_text("")
    (tmp_path / "shop" / "bronze_quarantine.py").write_text(MODULE)
    assert shop.add(MART).catalog()
    (tmp_path / "shop" / f"{name}.py").write_text(code)
    assert words in refusal(shop)
