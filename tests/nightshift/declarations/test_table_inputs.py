"""Which tables a table is made from is read from the code that makes it."""

from __future__ import annotations

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.table_inputs import derivations
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from tests.declaring import Shop

BRONZE_ONLY = """
    - layer: bronze
      name: customers
      description: Customers.
      grain: one row per customer
      keys: [id]
      source: {file: customers.csv, format: csv}
      columns: [{name: id, type: bigint, required: true, description: Customer.}]
"""
MODEL = """
    models:
      - name: shop_totals
        description: Totals.
        config:
          meta:
            layer: gold
            grain: one row per day
            keys: [day]
            agrees_with: [{name: all, why: None is lost., table: silver.orders}]
        columns: [{name: day, data_type: string, description: Day.}]
"""


def test_silver_is_made_from_what_its_function_asks_for(shop: Shop) -> None:
    shop.add(BRONZE_ONLY)
    (shop.folder / "refine.py").write_text("def orders(orders, customers, calendar):\n    return orders\n")
    assert derivations(shop.catalog())["silver.orders"] == ("bronze.orders", "bronze.customers")


def test_without_a_function_it_is_made_from_the_bronze_table_of_its_name(shop: Shop) -> None:
    assert derivations(shop.catalog())["silver.orders"] == ("bronze.orders",)


def test_a_model_reads_what_the_models_below_it_read(shop: Shop) -> None:
    shop.model(
        {
            "totals.yml": MODEL,
            "shop_totals.sql": "select * from {{ ref('int_totals') }} join {{ ref('int_totals') }}",
            "int_totals.sql": "select * from {{ ref('stg_orders') }}",
            "stg_orders.sql": "select * from {{ source('silver', 'shop_orders') }}",
            "other.sql": "select * from {{ source('bronze', 'shop_orders') }}",
        }
    )
    assert derivations(shop.catalog())["gold.totals"] == ("silver.orders",)


def test_the_tables_of_the_sample_hang_together() -> None:
    found = derivations(Catalog(UseCase.load("flight_delays", get_settings())))
    assert found["silver.flights"] == ("bronze.schedule", "bronze.airlines", "bronze.airports")
    assert found["gold.features"] == ("silver.flights", "silver.outcomes", "silver.weather")
    assert found["gold.scores"] == ("gold.features",)
    assert found["gold.late_rates"] == ("silver.outcomes", "gold.scores")
