"""Use cases are told apart by their names, and so are their tables."""

from __future__ import annotations

import shutil

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.countries import _assigned_codes
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from tests.declaring import Shop


@pytest.mark.parametrize("name", ["shop_eu", "sho", "shops", "eu_shop"])
def test_a_name_may_begin_with_anothers(shop: Shop, name: str) -> None:
    """Tables of both may have one name then; `nightshift sql` says so where they do, and nothing else stops."""
    shop.catalog()
    shutil.copytree(shop.folder, shop.folder.with_name(name))
    file = shop.folder.with_name(name) / "use_case.yaml"
    file.write_text(file.read_text().replace("name: shop", f"name: {name}"))
    found = find_use_cases(get_settings())
    assert [case.name for case in found.use_cases] == sorted([name, "shop"])
    assert found.broken == {}


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            "country: XX",
            "country: 'XX' is no country code of ISO 3166 with a calendar of holidays, like US, GB, DE",
        ),
        ("country: EU", "country: 'EU' is no country code"),
        ("country: us", "'us' is no country code of ISO 3166 with a calendar of holidays: did you mean US?"),
        ("country: Germany", "did you mean DE?"),
        ("country: UK", "did you mean GB?"),
        ("country: US-NY", "write `country: US` and `subdivision: NY`"),
        (
            "country: NO",
            'country: must be text, and YAML reads NO without quotes as false: write "NO"',
        ),
        ("country: 49", 'country: must be text: write "49"'),
        ("country: US\nsubdivision: New York", "subdivision: 'New York' is no part of US with holidays"),
        ("country: US\nsubdivision: US-NY", "did you mean NY?"),
        (
            "country: CA\nsubdivision: ON",
            'must be text, and YAML reads ON without quotes as true: write "ON"',
        ),
        ("subdivision: NY", "'NY' is a part of a country: declare `country`, too"),
    ],
)
def test_a_calendar_that_does_not_exist_is_refused_with_the_likely_one(shop: Shop, declared: str, said: str) -> None:
    file = shop.folder / "use_case.yaml"
    file.write_text(file.read_text().replace("country: DE", declared))
    with pytest.raises(NightshiftError) as error:
        UseCase.load("shop", get_settings())
    assert said in str(error.value)
    assert str(file) in str(error.value)


@pytest.mark.parametrize(
    "declared", ["", "country: 'NO'", "country: USA", "country: US\nsubdivision: NY", "country: XK"]
)
def test_a_calendar_that_exists_is_taken(shop: Shop, declared: str) -> None:
    file = shop.folder / "use_case.yaml"
    file.write_text(file.read_text().replace("country: DE", declared))
    assert UseCase.load("shop", get_settings()).country == (
        declared.partition(": ")[2].split("\n")[0].strip("'") or None
    )


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("spark.executor.memory: 4", "spark.executor.memory can't be set so: its value must be 512m or more"),
        ("spark.master: yarn", "spark.master can't be set: NIGHTSHIFT_SPARK_MASTER says it"),
        ("spark.driver.host: here", "a use case says memory, cores and parallelism"),
        ("spark.sql.ansi.enabled: 'false'", "spark.sql.ansi.enabled can't be set: it could change rows"),
    ],
)
def test_a_use_case_says_how_much_its_jobs_get_and_nothing_else(shop: Shop, declared: str, said: str) -> None:
    file = shop.folder / "use_case.yaml"
    text = file.read_text()
    file.write_text(f"{text}\nspark:\n  spark.executor.cores: 2\n  {declared}\n")
    with pytest.raises(NightshiftError) as error:
        UseCase.load("shop", get_settings())
    assert said in str(error.value)
    file.write_text(f"{text}\nspark:\n  spark.executor.cores: 2\n")
    assert UseCase.load("shop", get_settings()).spark == {"spark.executor.cores": "2"}


def test_every_country_that_is_taken_at_first_sight_has_a_calendar() -> None:
    from holidays.registry import COUNTRIES

    known = {code for _, *codes in COUNTRIES.values() for code in codes}
    assert known > _assigned_codes()
    assert len(_assigned_codes()) > 200


@pytest.mark.parametrize("name", ["use_case.yml", "tables.yml", "reasons.YAML", "reason.yaml", "usecase.yaml"])
@pytest.mark.parametrize("keep", [True, False], ids=["both", "alone"])
def test_a_declaration_under_another_name_is_refused(shop: Shop, name: str, keep: bool) -> None:
    text = (shop.folder / "use_case.yaml").read_text()
    (shop.folder / name).write_text(text)
    if not keep:
        (shop.folder / "use_case.yaml").unlink()
    words = rf"{name} is read by nobody \(is [a-z_]+.yaml meant\?\): .* are named use_case.yaml, t"
    with pytest.raises(NightshiftError, match=words):
        UseCase.load("shop", get_settings())


@pytest.mark.parametrize("name", ["notes.yaml", "tests.yml", ".use_case.yml", "#tables.yaml", "use_case.old.yaml"])
def test_other_files_in_the_folder_stop_nothing(shop: Shop, name: str) -> None:
    (shop.folder / name).write_text("[")
    assert shop.catalog()
    assert [case.name for case in find_use_cases(get_settings()).use_cases] == ["shop"]


def test_a_declaration_that_is_missing_is_told(shop: Shop) -> None:
    shop.catalog()
    (shop.folder / "tables.yaml").unlink()
    with pytest.raises(
        NightshiftError, match=r"tables.yaml is missing: it declares the sources, silver tables and scores"
    ):
        Catalog(UseCase.load("shop", get_settings()))
    shop.catalog()
    (shop.folder / "use_case.yaml").unlink()
    with pytest.raises(NightshiftError, match=r"use_case.yaml is missing"):
        UseCase.load("shop", get_settings())


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("nightly: {lookback_days: 7}", "nightly: {schedule: at midnight}", 9),
        ("training: {", "training: {schedule: 61 * * * *, ", 11),
        ("target:", "delivery: {catch_up_schedule: '5'}\ntarget:", 10),
    ],
)
def test_a_schedule_that_no_cron_understands_is_refused(shop: Shop, old: str, new: str, line: int) -> None:
    file = shop.folder / "use_case.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(NightshiftError, match=rf"use_case.yaml, line {line}: [a-z_.]+schedule: '.*' is no cron expr"):
        UseCase.load("shop", get_settings())


@pytest.mark.parametrize(
    ("reason", "said"), [("''", "no reason"), ("'   '", "no reason"), ('"\\n"', "no reason"), ("ok", "the reason 'ok'")]
)
def test_a_feature_is_not_cleared_without_a_reason(shop: Shop, reason: str, said: str) -> None:
    file = shop.folder / "use_case.yaml"
    file.write_text(file.read_text().replace("training: {", f"training: {{cleared_features: {{price: {reason}}}, "))
    says = rf"line 11: .*cleared_features.*price has {said}: say in 20 characters or more why it is known"
    with pytest.raises(NightshiftError, match=says):
        UseCase.load("shop", get_settings())
