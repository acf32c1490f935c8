"""Use cases are told apart by their names, and so are their tables."""

from __future__ import annotations

import shutil

import pytest

from nightshift.errors import NightshiftError
from nightshift.use_case import UseCase
from tests.declaring import Shop


def second(shop: Shop, folder: str, name: str) -> None:
    other = shop.folder.with_name(folder)
    shutil.copytree(shop.folder, other)
    text = (other / "use_case.yaml").read_text()
    (other / "use_case.yaml").write_text(text.replace("name: shop", f"name: {name}"))


@pytest.mark.parametrize(
    ("name", "longer"),
    [
        ("shop_eu", "shop_eu"),  # table orders of it would be table eu_orders of shop
        ("sho", None),
        ("shops", None),
        ("eu_shop", None),
        ("shop", "shop"),  # a copied folder whose file was left as it is
    ],
)
def test_a_name_that_begins_with_anothers_is_refused(shop: Shop, name: str, longer: str | None) -> None:
    second(shop, "second", name)
    if longer is None:
        assert sorted(case.name for case in UseCase.load_all()) == sorted([name, "shop"])
        return
    with pytest.raises(NightshiftError) as error:
        UseCase.load_all()
    for folder in ("second", "shop"):
        assert str(shop.folder.with_name(folder) / "use_case.yaml") in str(error.value)
    assert "rename one use case" in str(error.value)
