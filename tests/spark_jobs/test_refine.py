"""What a use case's refine.py must be, for its functions to be given their rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.errors import NightshiftError
from nightshift.settings import Settings
from spark_jobs.refine import refinements
from tests.shop import Shop


@pytest.fixture
def shop(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch)


def test_parameters_name_the_inputs(shop: Shop) -> None:
    (shop.folder / "refine.py").write_text("def customers(customers, *, orders, calendar):\n    return customers\n")
    (found,) = refinements(shop.job(stage="refine"))
    assert (found.table.short_name, found.inputs) == ("silver.customers", ("customers", "orders", "calendar"))


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("def customers(): ...", "customers has no parameters, so it is given no rows"),
        ("def customers(calendar, customers): ...", "customers has 'calendar' as its first parameter, which is no"),
        ("def customers(buyers): ...", "customers has 'buyers' as its first parameter, which is no table"),
        ("def customers(quarantine): ...", "customers has 'quarantine' as its first parameter, which is no table"),
        (
            "def customers(customers, *others): ...",
            "customers has the parameter *others, to which nothing",
        ),
        ("def customers(customers, /): ...", "customers has the parameter customers, to which nothing"),
        ("customers = 3", "customers is not a function"),
    ],
)
def test_a_function_that_asks_for_no_slice_is_named_with_the_remedy(shop: Shop, code: str, wrong: str) -> None:
    file = shop.folder / "refine.py"
    file.write_text(f"{code}\n")
    with pytest.raises(NightshiftError) as refused:
        refinements(shop.job(stage="refine"))
    assert str(refused.value).startswith(f"{file}: {wrong}")
    assert "next: begin it with `def customers(<table>, …)`" in str(refused.value)
    assert f"silver/{shop.name}/customers (customers)" in str(refused.value)
