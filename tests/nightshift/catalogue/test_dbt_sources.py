"""dbt's sources follow from the declarations."""

from __future__ import annotations

import yaml

from nightshift.catalogue import dbt_sources
from nightshift.home.settings import get_settings
from tests.declaring import Shop


def test_a_source_is_the_view_of_a_published_table(shop: Shop) -> None:
    silver, gold = yaml.safe_load(dbt_sources.sources(shop.catalog()))["sources"]
    assert (silver["name"], silver["schema"], gold["name"]) == ("silver", "global_temp", "gold")
    assert silver["tables"] == [
        {
            "name": "shop_orders",
            "identifier": "silver_shop_orders",
            "description": "Orders of the day, once each. Grain: one row per order.",
            "columns": [
                {
                    "name": "batch_date",
                    "data_type": "date",
                    "description": "Date of the delivery that the row belongs to.",
                },
                {"name": "id", "data_type": "bigint", "description": "Number of the order."},
                {"name": "amount", "data_type": "double", "description": "What it costs."},
            ],
        }
    ]


def test_a_changed_declaration_makes_them_stale(shop: Shop) -> None:
    shop.catalog()
    dbt_sources.generated(get_settings()).write()
    assert dbt_sources.generated(get_settings()).stale() == []
    shop.change("description: What it costs.", "description: Net price.").catalog()
    assert dbt_sources.generated(get_settings()).stale() == [shop.models / "sources.yml"]
