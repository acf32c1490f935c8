"""SQL in a declaration is one expression over columns that there are."""

from __future__ import annotations

import pytest

from nightshift.declarations.sql_checks import check_sql
from nightshift.errors import NightshiftError
from tests.declaring import Shop


def with_rule(shop: Shop, must: str) -> Shop:
    return shop.change(
        "source: {file: orders.csv, format: csv}",
        f'source: {{file: orders.csv, format: csv}}\n    rules: [{{name: paid, must: "{must}", why: w}}]',
    )


def with_agreement(shop: Shop, own: str, other: str = "count(*)") -> Shop:
    return shop.change(
        "description: Orders of the day, once each.",
        "description: Orders.\n    agrees_with:\n"
        f'      - {{name: same, why: w, table: bronze.orders, own: "{own}", other: "{other}"}}',
    )


@pytest.mark.parametrize(
    "must",
    [
        "amount is not null or is_returned",
        "ID > 0",
        "`id` between 1 and 9 and batch_date >= date'2024-01-01'",
        "to_date(from_utc_timestamp(batch_date, 'America/New_York')) = date_sub(batch_date, 1)",
        "cast(id as string) rlike '^[0-9]+$'",
        "try_cast(amount as int) / 2 > 1 and try_divide(amount, id) < 3 and batch_date = date'2024-01-01'",
        "exists(array(id), x -> x > 1)",
        "case when is_returned then amount > 0 else true end",
        "amount * 1.19 + 1 < 100 and -amount < 0 and abs(amount) < 5",
        "try_add(id, 1) > 5 and try_subtract(id, 1) > try_multiply(id, 2)",
        "batch_date - 1 < batch_date + interval 1 day and batch_date > '2013-01-01'",
        "length(cast(id as string)) > 2 and try_cast(cast(id as string) as int) > 2",
        "from_utc_timestamp(batch_date, '-05:00') < to_utc_timestamp(batch_date, 'Europe/Rome')",
        "try_element_at(array(id), 1) > 0 and next_day(batch_date, 'MO') > batch_date",
        "unix_timestamp(batch_date) > 0 and dateadd(DAY, 1, batch_date) > batch_date",
        "try_to_timestamp(cast(id as string)) is null and date_format(batch_date, 'yyyy') = '2024'",
        "exists(transform(array(cast(id as string)), x -> upper(x)), x -> x rlike '^[0-9]+$')",
        "if(is_returned, trim(cast(id as string)), 'none') in ('1', 'none')",
        "array_contains(array('1'), cast(id as string)) and split_part(cast(id as string), '-', 1) = '1'",
    ],
)
def test_a_predicate_over_the_row_is_accepted(shop: Shop, must: str) -> None:
    check_sql(with_rule(shop, must).catalog())


@pytest.mark.parametrize(
    ("must", "words"),
    [
        ("amonut > 0", "amonut is no column; there are amount, batch_date, id, is_returned"),
        ("o.amount > 0", "o.amount is no column"),
        # Known only once the rows are judged.
        ("record > 1", "record is no column"),
        ("amount >", "is not SQL"),
        ("", "must be one expression"),
        ("amount > 0; drop table x", "must be one expression"),
        ("drop table x", "must be one expression"),
        ("id in (select id from other)", "must be one expression"),
        ("amount > 0 as paid", "must be one expression"),
        ("amount > :least", "must be one expression"),
        ("amount > 0 -- of course", "holds a comment"),
        ("cast(id as int) > 0", "would end the run"),
        ("amount / id > 1", "would end the run"),
        ("id % amount = 1", "would end the run"),
        ("id - try_cast(amount as int) < 1000", "id - TRY_CAST(amount AS INT) would end the run"),
        ("id + 1 > 0", "write try_cast(…), try_add(…), try_subtract(…), try_multiply(…)"),
        ("id * id * 1.5 > 0", "id * id would end the run"),
        ("-id < 0", "-id would end the run"),
        ("abs(id) < 5", "ABS(id) would end the run"),
        ("id div amount > 1", "would end the run"),
        ("exists(array(id), x -> x + 1 > 1)", "x + 1 would end the run"),
        ("cast(id as string) > 5", "would end the run"),
        ("cast(id as string) in (1, 2)", "would end the run"),
        ("upper(cast(id as string)) between 1 and 2", "would end the run"),
        ("to_date(cast(id as string)) = batch_date", "would end the run"),
        ("hour(cast(id as string)) = 1", "would end the run"),
        ("int(amount) > 1", "would end the run"),
        ("bigint(amount) > 1", "would end the run"),
        ("array(id)[id] > 1", "would end the run"),
        ("try_element_at(array(id), id) > 1", "would end the run"),
        ("add_months(batch_date, id) > batch_date", "would end the run"),
        ("from_utc_timestamp(batch_date, cast(id as string)) > batch_date", "a time zone, like 'America/New_York'"),
        ("from_utc_timestamp(batch_date, 'America/Gotham') > batch_date", "would end the run"),
        ("to_utc_timestamp(batch_date, cast(id as string)) > batch_date", "would end the run"),
        ("convert_timezone('UTC', cast(id as string), batch_date) > batch_date", "would end the run"),
        ("unix_timestamp(cast(id as string)) > 0", "UNIX_TIMESTAMP(CAST(id AS STRING)) would end the run"),
        ("to_unix_timestamp(cast(id as string), 'yyyy') > 0", "would end the run"),
        ("date_format(cast(id as string), 'yyyy') = '2024'", "would end the run"),
        ("weekday(cast(id as string)) = 1", "would end the run"),
        ("sqrt(cast(id as string)) = 1", "would end the run"),
        ("is_returned and cast(id as string)", "would end the run"),
        ("make_timestamp(id, 1, 1, 1, 1, 1) > batch_date", "MAKE_TIMESTAMP(id, 1, 1, 1, 1, 1) would end the run"),
        ("elt(id, 'a', 'b') = 'a'", "would end the run"),
        ("url_decode(cast(id as string)) = 'a'", "would end the run"),
        ("next_day(batch_date, cast(id as string)) > batch_date", "would end the run"),
        ("dateadd(DAY, id, batch_date) > batch_date", "would end the run"),
        ("'a' rlike cast(id as string)", "would end the run"),
        ("sum(amount) > 0", "looks at more than one row"),
        ("row_number() over (order by id) = 1", "looks at more than one row"),
        ("batch_date < current_date()", "differs from run to run"),
        ("rand() < 0.5", "differs from run to run"),
    ],
)
def test_anything_else_is_refused_by_name(shop: Shop, must: str, words: str) -> None:
    catalog = with_rule(shop, must).catalog()
    with pytest.raises(NightshiftError) as error:
        check_sql(catalog)
    assert f"{shop.folder / 'tables.yaml'}, line 3: bronze.orders: rule paid: must: " in str(error.value)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "own", ["count(*)", "coalesce(sum(amount), 0)", "count(distinct id)", "sum(amount) filter (where id > 3)"]
)
def test_an_aggregate_over_the_slice_is_accepted(shop: Shop, own: str) -> None:
    check_sql(with_agreement(shop, own).catalog())


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        ("amount", "count(*)", "own: 'amount' is no aggregate"),
        ("sum(amount) + id", "count(*)", "own: id must stand within an aggregate"),
        ("sum(amount) over ()", "count(*)", "own: 'sum(amount) over ()' is no aggregate"),
        # A column of the other table only.
        ("count_if(is_returned)", "count(*)", "own: is_returned is no column"),
        ("count(*)", "sum(total)", "other: total is no column"),
        ("count(*)", "(select 1)", "other: '(select 1)' must be one expression"),
    ],
)
def test_an_agreement_over_anything_else_is_refused(shop: Shop, own: str, other: str, words: str) -> None:
    catalog = with_agreement(shop, own, other).catalog()
    with pytest.raises(NightshiftError) as error:
        check_sql(catalog)
    assert f"silver.orders: agreement same: {words}" in str(error.value)


def test_a_pattern_that_java_reads_otherwise_is_refused_by_its_column(shop: Shop) -> None:
    shop.change("type: boolean, description: It came back.", "type: string, pattern: '(?i)[a-z]+', description: Yes.")
    with pytest.raises(NightshiftError) as error:
        shop.catalog()
    assert "is_returned" in str(error.value)
    assert "pattern '(?i)[a-z]+' has a group" in str(error.value)
