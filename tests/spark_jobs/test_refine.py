"""What a use case's refine.py must be, for its functions to be given their rows, and what they must make of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings
from nightshift.ledger import Input
from spark_jobs.refine import Refined, account, refinements
from spark_jobs.refine_inputs import ranked
from tests.shop import DAY, NEXT, Shop

SHA = "ab" * 32
SOME_TWICE = ", some of them twice and others not at all"
# Batch date, key, file and record: the second and the third are of one customer.
BRONZE = [(DAY, "ada", "a.csv", 2), (DAY, "bob", "a.csv", 3), (DAY, "bob", "b.csv", 2), (NEXT, "cy", "a.csv", 2)]


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


def refined(spark: SparkSession, shop: Shop, made: list[tuple]) -> Refined:
    """What a function made of the rows of bronze."""
    types = "batch_date date, email string, record struct<file: string, record: int, file_sha256: string>"

    def rows(several: list[tuple]) -> DataFrame:
        return spark.createDataFrame([(date, key, (*place, SHA)) for date, key, *place in several], types)

    table = shop.catalog["silver.customers"]
    return Refined(table, ranked(rows(made), table.keys), rows(BRONZE), {})


def test_older_records_of_a_key_are_counted_by_file(spark: SparkSession, shop: Shop) -> None:
    found = account([refined(spark, shop, BRONZE)], BatchDates(DAY, NEXT))["customers"]
    assert sorted(found.inputs[DAY], key=lambda each: each.name) == [
        Input("file", "a.csv", SHA, 2, deduplicated=1),
        Input("file", "b.csv", SHA, 1),
    ]
    assert found.inputs[NEXT] == [Input("file", "a.csv", SHA, 1)]


def test_a_label_that_comes_twice_in_a_delivery_and_differs_is_told(
    spark: SparkSession, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    types = "batch_date date, email string, age int, record struct<file: string, record: int, file_sha256: string>"
    ages = zip(BRONZE, (1, None, 2, 3), strict=True)
    rows = spark.createDataFrame([(date, key, age, (*place, SHA)) for (date, key, *place), age in ages], types)
    table = shop.catalog["silver.customers"]
    made = Refined(table, ranked(rows, table.keys, "age"), rows, {})
    account([made], BatchDates(DAY, NEXT))
    (warned,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned.startswith(f"silver.customers of {DAY}, a.csv: 1 records have another label than a newer record")


@pytest.mark.parametrize(
    ("records", "said"),
    [
        # Rows in are rows out, in all: what was lost is made up for by what came twice.
        (
            [BRONZE[1], BRONZE[1], *BRONZE[2:]],
            [f"of 2024-01-02, a.csv: 2 rows in bronze, 2 records made of them{SOME_TWICE}"],
        ),
        (
            [BRONZE[0], BRONZE[2], *BRONZE[2:]],
            [
                "of 2024-01-02, a.csv: 2 rows in bronze, 1 records made of them",
                "of 2024-01-02, b.csv: 1 rows in bronze, 2 records made of them",
            ],
        ),
        (
            [*BRONZE[:3], (None, *BRONZE[3][1:])],
            [
                "of 2024-01-03, a.csv: 1 rows in bronze, 0 records made of them",
                "of None, a.csv: 0 rows in bronze, 1 records made of them",
            ],
        ),
    ],
    ids=["within a file", "between files", "to no date"],
)
def test_a_join_that_loses_as_many_rows_as_it_doubles_is_refused(
    spark: SparkSession, shop: Shop, records: list[tuple], said: list[str]
) -> None:
    with pytest.raises(NightshiftError) as refused:
        account([refined(spark, shop, records)], BatchDates(DAY, NEXT))
    named = [line for line in str(refused.value).splitlines() if line.startswith("  ")]
    assert named == [f"  silver.customers {each}" for each in said]
    assert 'let it join with how="left"' in str(refused.value)
