"""A function or a module whose name belongs to no table is refused, not passed over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nightshift.declarations import misplaced_files
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
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


@pytest.mark.parametrize(
    ("folder", "meant"), [("audit", "audits"), ("DBT", "dbt"), ("dbt/model", "models"), ("dbt/macro", "macros")]
)
def test_a_folder_whose_name_is_nearly_right_is_refused(shop: Shop, folder: str, meant: str) -> None:
    (shop.folder / "notes").mkdir()
    shutil.rmtree(shop.folder / "dbt")
    assert shop.catalog()
    wrong = shop.folder / folder
    wrong.mkdir(parents=True)
    assert f"{wrong} is read by nobody: is {wrong.with_name(meant)} meant?" in refusal(shop)


def test_models_and_audits_astray_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misplaced_files, "PROJECT_DIR", tmp_path)
    models, pages, audits = tmp_path / "dbt" / "models" / "shop", tmp_path / "expectations" / "pages", "shop"
    for folder in (models, pages, pages.with_name(audits)):
        folder.mkdir(parents=True)
    (pages / "plots.py").touch()
    (pages.with_name(audits) / "silver_orders.py").touch()

    assert [text.split(" belongs to")[0] for text in misplaced_files.strangers()] == [
        str(models),
        str(pages.with_name(audits) / "silver_orders.py"),
    ]


def test_a_folder_that_is_no_use_case_is_named(shop: Shop) -> None:
    (shop.folder / "__pycache__").mkdir()
    for folder, file in (("typo", "use_case.yaml.txt"), ("empty", "notes"), ("__pycache__", "x.pyc")):
        shop.folder.with_name(folder).mkdir()
        (shop.folder.with_name(folder) / file).touch()
    empty, typo = misplaced_files.undeclared(get_settings())
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
def test_an_audit_module_that_would_check_nothing_is_refused(shop: Shop, name: str, code: str, words: str) -> None:
    audits = shop.folder / "audits"
    audits.mkdir()
    for good in ("__init__", "_helper"):
        (audits / f"{good}.py").write_text("")
    (audits / "bronze_quarantine.py").write_text(MODULE)
    assert shop.add(MART).catalog()
    (audits / f"{name}.py").write_text(code)
    assert words in refusal(shop)
