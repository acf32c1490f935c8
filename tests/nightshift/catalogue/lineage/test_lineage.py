from pathlib import Path

import pytest

from nightshift.catalogue.lineage import Lineage, lineage
from nightshift.declarations.tables import Table
from nightshift.errors import NightshiftError
from tests.declaring import a_table, column


def _table(name: str, **columns: str) -> Table:
    return a_table(*(column(*each) for each in columns.items()), use_case="taxi", name=name)


TABLES = (
    _table("trips", id="int", city="string", driver="string", km="double", minutes="int", is_late="boolean"),
    _table("cities", city="string", size="int", is_open="boolean"),
)
READ_IN = Path("compiled")
TRIPS, CITIES = (table.view for table in TABLES)


def _of(expression: str, source: str = f"{TRIPS} as trips") -> Lineage:
    return lineage("taxi_features", f"select {expression} as x from {source}", TABLES, READ_IN)["x"]


def _names(origins) -> set[str]:
    return {str(origin).removeprefix("silver.") for origin in origins}


@pytest.mark.parametrize(
    ("expression", "computed_from", "also_depends_on"),
    [
        ("cast(km as double)", {"trips.km"}, set()),
        ("km / minutes", {"trips.km", "trips.minutes"}, set()),
        ("case when is_late then km else 0 end", {"trips.is_late", "trips.km"}, set()),
        ("1", set(), set()),
        # Rows are counted where no value enters.
        ("count(*)", {"trips.*"}, set()),
        ("count_if(is_late)", {"trips.is_late"}, set()),
        ("sum(km) filter (where city = 'NYC')", {"trips.km"}, {"trips.city"}),
        ("max_by(km, minutes)", {"trips.km"}, {"trips.minutes"}),
        ("sum(km) over (partition by city)", {"trips.km"}, {"trips.city"}),
        ("row_number() over (partition by city order by minutes)", {"trips.*"}, {"trips.city", "trips.minutes"}),
        (f"(select max(size) from {CITIES} where is_open)", {"cities.size"}, {"cities.is_open"}),
    ],
)
def test_an_expression_has_the_columns_that_enter_it(expression, computed_from, also_depends_on):
    found = _of(expression)

    assert _names(found.computed_from) == computed_from
    assert _names(found.also_depends_on) == also_depends_on


@pytest.mark.parametrize(
    ("query", "computed_from", "also_depends_on"),
    [
        # A filter decides which rows there are, and no value of one that stays.
        (f"select km as x from {TRIPS} where is_late", {"trips.km"}, set()),
        # Once rows are added up, the filter and the grouping below decide the sum.
        (
            f"with late as (select * from {TRIPS} where is_late) select sum(km) as x from late group by city",
            {"trips.km"},
            {"trips.is_late", "trips.city"},
        ),
        # What a join brings in depends on its keys, also where they are written as USING.
        (
            f"select size as x from {TRIPS} left join {CITIES} using (city)",
            {"cities.size"},
            {"trips.city", "cities.city"},
        ),
        (f"select km as x from {TRIPS} t left join {CITIES} c on t.city = c.city", {"trips.km"}, set()),
        # Columns of a union go by their place.
        (
            f"select x from (select km as x, id from {TRIPS} union all select size, 0 from {CITIES})",
            {"trips.km", "cities.size"},
            set(),
        ),
        (f"select x from (select city, km as x from {TRIPS}) as inner_query", {"trips.km"}, set()),
        (f"select x.km as x from (select struct(km, city) as x from {TRIPS})", {"trips.km", "trips.city"}, set()),
    ],
)
def test_columns_are_followed_through_queries(query, computed_from, also_depends_on):
    found = lineage("taxi_features", query, TABLES, READ_IN)["x"]

    assert _names(found.computed_from) == computed_from
    assert _names(found.also_depends_on) == also_depends_on


@pytest.mark.parametrize(
    ("frame", "windows", "deliveries"),
    [
        ("order by batch_date range between 6 preceding and current row", ["7 deliveries"], 7),
        ("order by batch_date range between interval 6 days preceding and current row", ["7 deliveries"], 7),
        ("order by batch_date range between 0 preceding and current row", ["1 delivery"], 1),
        ("order by batch_date range between 28 - 1 preceding and current row", ["28 deliveries"], 28),
        # Rows are not deliveries, and what follows is no look-back.
        (
            "order by batch_date rows between 6 preceding and current row",
            ["batch_date: 6 rows before to its own"],
            None,
        ),
        (
            "order by batch_date range between current row and 1 following",
            ["batch_date: its own to 1 after"],
            None,
        ),
        (
            "order by minutes range between 60 preceding and 60 following",
            ["minutes: 60 before to 60 after"],
            None,
        ),
        ("order by batch_date", ["batch_date: all before to its own"], None),
        ("partition by city", [], None),
    ],
)
def test_windows_tell_how_far_they_reach(frame, windows, deliveries):
    for found in (
        _of(f"sum(km) over ({frame})"),
        _of("sum(km) over named", f"{TRIPS} window named as ({frame})"),
    ):
        assert [str(window) for window in found.windows] == windows
        assert [window.deliveries for window in found.windows] == [deliveries] * len(windows)


def test_a_join_of_other_batch_dates_is_a_look_back():
    found = lineage(
        "taxi_features",
        f"select sum(past.km) as x from {TRIPS} now join {TRIPS} past "
        "on now.city = past.city and past.batch_date between date_sub(now.batch_date, 6) and now.batch_date",
        TABLES,
        READ_IN,
    )["x"]

    assert ["joined where" in str(window) for window in found.windows] == [True]


KEYS = f"""
with keyed as (
    select batch_date, km, key.name as key_name, key.value as key_value
    from {TRIPS}
    lateral view explode(array(
        named_struct('name', 'city', 'value', concat_ws('|', city)),
        named_struct('name', 'driver', 'value', concat_ws('|', driver))
    )) as key
),
trailing as (
    select key_name, sum(km) over ({{frame}} order by batch_date range between 6 preceding and current row) as km_7d
    from keyed
)
select max(km_7d) filter (where key_name = 'city') as city_km_7d,
    max(km_7d) filter (where key_name = 'driver') as driver_km_7d,
    max(km_7d) as km_7d
from trailing
"""


def test_keys_that_share_one_pass_are_told_apart():
    found = lineage("taxi_features", KEYS.format(frame="partition by key_name, key_value"), TABLES, READ_IN)

    steering = {name: _names(origin.also_depends_on) for name, origin in found.items()}
    assert steering == {
        "city_km_7d": {"trips.batch_date", "trips.city"},
        "driver_km_7d": {"trips.batch_date", "trips.driver"},
        "km_7d": {"trips.batch_date", "trips.city", "trips.driver"},
    }


def test_keys_are_not_told_apart_where_a_window_mixes_them():
    found = lineage("taxi_features", KEYS.format(frame="partition by key_value"), TABLES, READ_IN)

    assert _names(found["city_km_7d"].also_depends_on) == {"trips.batch_date", "trips.city", "trips.driver"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f"select miles as x from {TRIPS}", "miles"),
        (f"select city as x from {TRIPS} t join {CITIES} c on t.id = c.size", "city"),
        ("select km as x from global_temp.silver_taxi_rides", "silver_taxi_rides"),
        (f"select sum(km as x from {TRIPS}", "Expecting"),
        (f"select * from {TRIPS} pivot (sum(km) for city in ('NYC'))", "PIVOT"),
    ],
    ids=["unknown column", "ambiguous column", "unknown table", "no SQL", "pivot"],
)
def test_sql_that_cannot_be_followed_is_refused(query, message):
    with pytest.raises(NightshiftError) as refused:
        lineage("taxi_features", query, TABLES, READ_IN)

    assert "the lineage of taxi_features cannot be read from its SQL" in str(refused.value)
    assert message in str(refused.value)
    assert "next:" in str(refused.value)
