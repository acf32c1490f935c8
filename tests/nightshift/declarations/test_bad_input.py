"""What people get wrong in a use case ends in a sentence with file, line and remedy."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError
from nightshift.home.settings import get_settings
from tests.declaring import TABLES, USE_CASE, Shop

TOTALS = """
models:
  - name: shop_totals
    description: Sums.
    config: {meta: {layer: gold, grain: one row per day, keys: [day]}}
    columns:
      - {name: batch_date, data_type: date, description: Day.}
      - {name: day, data_type: date, description: Day.}
      - {name: total, data_type: double, description: Sum., config: {meta: {role: feature}}}
"""
ID = "      - {name: id, type: bigint, required: true, description: Number of the order.}\n"
QUARANTINE = """
  - {layer: bronze, name: quarantine, description: Own., grain: one, keys: [id],
     columns: [{name: id, type: bigint, description: Number.}]}
"""


def _line(text: str, part: str) -> int:
    """The first line that holds a part."""
    return text[: text.index(part)].count("\n") + 1


@pytest.fixture
def refusal(shop: Shop) -> Callable[..., str]:
    """Changes a file of a use case that is sound, and gives the sentence by which it is refused."""
    shop.model({"totals.yml": TOTALS}).catalog()
    places = {"totals.yml": shop.models, "more.yml": shop.models}

    def refused(file: str, text: str) -> str:
        (places.get(file, shop.folder) / file).write_text(text)
        with pytest.raises(DeclarationError) as error:
            Catalog(UseCase.load("shop", get_settings()))
        return str(error.value)

    return refused


@pytest.mark.parametrize(
    ("file", "whole", "old", "new", "at", "said", "remedy"),
    [
        ("use_case.yaml", USE_CASE, "title: Ret", "  title: Ret", "title: Ret", "is not valid YAML", "indentation"),
        ("tables.yaml", TABLES, "    name: orders", "   name: orders", "   name: ord", "is not valid", "indentation"),
        ("totals.yml", TOTALS, "    config:", "   config:", "   config:", "is not valid YAML", "indentation"),
        ("use_case.yaml", USE_CASE, "owner:", "owners:", "owners:", "owners: there is no such", "is `owner` meant?"),
        ("tables.yaml", TABLES, "unit: euro", "units: euro", "{name: am", "amount: units: there", "is `unit` meant?"),
        ("totals.yml", TOTALS, "grain:", "grains:", "grains:", "totals: grains: there is no", "is `grain` meant?"),
        ("use_case.yaml", USE_CASE, "name: shop", "name: other", "name:", "name: is other", "give the folder and"),
        ("tables.yaml", TABLES, "- layer: silver", "- layer: bronze", "- layer", "declares bronze.orders, a", "rename"),
        ("tables.yaml", TABLES, ID, ID + ID, "layer: bronze", "columns has id more than once", "more than once"),
        ("tables.yaml", TABLES, "tables:", "tables:" + QUARANTINE, "{layer", "bronze.quarantine, which is", "rename"),
        ("tables.yaml", TABLES, "name: amount", "name: record", "{name: rec", "the name is reserved", "call it other"),
        ("totals.yml", TOTALS, "totals\n", "totals\n    name: x\n", "name: shop", "the key name stands twice", ""),
        ("totals.yml", TOTALS, TOTALS, "version: 2\nmodels:\n", "models:", "models: must be a list, and is", "take"),
        ("totals.yml", TOTALS, TOTALS[TOTALS.index("columns:") :], "columns:\n", "columns:", "must be a list", "take"),
        ("more.yml", TOTALS, TOTALS, "models:\n  - name: m\n    columns:\n", "columns:", "must be a list", "take"),
        (
            "totals.yml",
            TOTALS,
            "config: {meta: {role: feature}}",
            "config: ~",
            "{name: tot",
            "must be a mapping",
            "take",
        ),
        ("more.yml", TOTALS, "Sums", "More", "- name", "declares gold.totals, a second time; the first", "rename it"),
    ],
)
def test_it_is_named_with_file_line_and_remedy(
    refusal: Callable[..., str], shop: Shop, file: str, whole: str, old: str, new: str, at: str, said: str, remedy: str
) -> None:
    assert old in whole
    text = whole.replace(old, new, 1)
    message = refusal(file, text)
    folder = shop.models if file.endswith(".yml") else shop.folder
    lines = [f"{folder / file}, line {number}" for number in (_line(text, at), _line(text, at) + 1)]
    assert any(line in message for line in lines), message
    assert said in message
    assert remedy in message


@pytest.mark.parametrize("name", ["tables.yml", "use_case.yml", "gates.yml", "reasons.yml"])
def test_the_other_ending_of_yaml_is_named(refusal: Callable[..., str], shop: Shop, name: str) -> None:
    message = refusal(name, "")
    meant = name.replace(".yml", ".yaml")
    assert f"{shop.folder / name} is read by nobody (is {meant} meant?)" in message
    assert "Next: rename it, or move it out of the folder" in message


def test_beside_models_both_endings_are_read(shop: Shop) -> None:
    totals = shop.model({"totals.yaml": TOTALS}).catalog()["gold.totals"]
    assert totals.column_names == ["batch_date", "day", "total"]


@pytest.mark.parametrize("file", ["use_case.yaml", "tables.yaml"])
def test_a_file_that_is_missing_is_named_with_what_it_is_for(shop: Shop, file: str) -> None:
    shop.catalog()
    (shop.folder / file).unlink()
    with pytest.raises(DeclarationError, match=rf"{shop.folder / file} is missing: it .*(?s:.)*CONTRIBUTING.md"):
        Catalog(UseCase.load("shop", get_settings()))


@pytest.mark.parametrize("name", ["json", "training", "dbt", "tests", "nightshift", "airflow"])
def test_a_use_case_and_its_tables_may_be_called_like_modules_of_python(shop: Shop, name: str) -> None:
    shop.change("name: orders", f"name: {name}")
    (shop.folder / "refine.py").write_text(f"def {name}({name}):\n    return {name}\n")
    other = shop.folder.with_name(name)
    shop.catalog()
    shop.folder.rename(other)
    (other / "use_case.yaml").write_text(USE_CASE.replace("name: shop", f"name: {name}"))
    catalog = Catalog(UseCase.load(name, get_settings()))
    assert catalog[f"silver.{name}"].full_name == f"silver.{name}_{name}"


def test_code_that_cannot_be_imported_is_named_with_its_line(shop: Shop) -> None:
    from nightshift.declarations.use_case_code import load_module

    (shop.folder / "refine.py").write_text(
        textwrap.dedent("""
        import json


        import of_nobody
    """)
    )
    use_case = shop.catalog().use_case
    with pytest.raises(DeclarationError, match=r"refine.py, line 5: can't be imported: ModuleNotFoundError.*of_nobody"):
        load_module(use_case, "refine")
    assert Path(use_case.folder / "refine.py").is_file()
