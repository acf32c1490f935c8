"""What housekeeping does for use cases that are added while the services run."""

from __future__ import annotations

from nightshift.home.settings import Settings, get_settings
from nightshift.install.services import housekeeping
from tests.declaring import Shop
from tests.nightshift.supervised import Pages, was_started


def test_a_use_case_that_is_added_gets_its_pool_once_it_can_be_read(home: Settings, pages: Pages, shop: Shop) -> None:
    settings = get_settings()
    settings.run.mkdir(parents=True)
    was_started(settings, pages.port)
    pages.answers["/api/v2/pools"] = {"pools": [{"name": "training"}]}
    shop.catalog()
    declared = (shop.folder / "use_case.yaml").read_text()
    (shop.folder / "use_case.yaml").write_text(declared + "owners: nobody\n")

    def pools() -> list[str]:
        return [body["name"] for path, body in pages.posted if path == "/api/v2/pools"]

    known = housekeeping.with_pools(settings, frozenset())
    assert (known, pools()) == (frozenset(), [])

    (shop.folder / "use_case.yaml").write_text(declared)
    known = housekeeping.with_pools(settings, known)
    assert (known, pools()) == ({"shop"}, ["lake_shop"])

    assert housekeeping.with_pools(settings, known) == {"shop"}
    assert pools() == ["lake_shop"]


def test_an_airflow_that_does_not_answer_is_asked_again(home: Settings, pages: Pages, shop: Shop) -> None:
    settings = get_settings()
    settings.run.mkdir(parents=True)
    was_started(settings, pages.port)
    pages.answers["/api/v2/pools"] = 503

    assert housekeeping.with_pools(settings, frozenset()) == frozenset()
