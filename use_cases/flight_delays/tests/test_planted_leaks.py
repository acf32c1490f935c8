"""Leaks that are planted in a copy of the use case are found; nothing else is accused.

All are planted at once, each in columns of its own, because looking for one takes as long as looking for all. That
no feature leaks is looked for in `tests/dbt/test_no_leak.py`, in `make test`, too.
"""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.landed import Copy, Landed
from tests.leak import AGAIN, AROUND, FROM, leaks

REFINE = "flight_delays/refine.py"
MODEL = "flight_delays/dbt/models/features/flight_delays_features.sql"

Found = dict[str, set[str]]

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def found_before() -> Found:
    """What the first test of this module has found, for those after it."""
    return {}


@pytest.fixture
def found(spark: SparkSession, landed: Landed, use_cases_copy: Copy, found_before: Found) -> Found:
    """The leaking columns, by the way in which a slice is computed."""
    if not found_before:
        catalog = landed("flight_delays")
        plant_newest_reference(use_cases_copy)
        plant_outcomes_in_refine(use_cases_copy)
        plant_window_with_tomorrow(use_cases_copy)
        plant_outcome_of_the_scored_flight(use_cases_copy)
        plant_frame_over_the_range(use_cases_copy)
        found_before |= leaks(spark, catalog)
    return found_before


def plant_newest_reference(use_cases: Copy) -> None:
    """Airports as the newest snapshot has them, whatever the batch date."""
    use_cases.patch(
        REFINE,
        'named = _join_as_of(_join_as_of(schedule, airline, "carrier", "airline"), airport, "dest", "airport")\n',
        'newest = airport.groupBy("airport").agg(\n'
        '        F.max_by("dest_name", "valid_from").alias("dest_name"), F.max_by("zone", "valid_from").alias("zone")\n'
        "    )\n"
        '    named = _join_as_of(schedule, airline, "carrier", "airline")\n'
        '    named = named.join(newest, on=F.col("dest") == F.col("airport"), how="left")\n',
    )


def plant_outcomes_in_refine(use_cases: Copy) -> None:
    """A flight's delay, which is delivered the day after, in place of a number that is known before."""
    use_cases.patch(REFINE, "calendar: DataFrame) -> DataFrame:", "calendar: DataFrame, outcomes: DataFrame):")
    use_cases.patch(
        REFINE,
        "    dated = named.join(",
        '    happened = outcomes.groupBy(F.col("flight_date").alias("day"), F.col("carrier").alias("by"), '
        'F.col("flight").alias("number")).agg(F.max("dep_delay").alias("dep_delay"))\n'
        '    same = (F.col("flight_date") == F.col("day")) & (F.col("carrier") == F.col("by"))\n'
        '    named = named.join(happened, on=same & (F.col("flight") == F.col("number")), how="left")\n'
        "    dated = named.join(",
    )
    use_cases.patch(
        REFINE,
        '"days_to_holiday", "days_since_holiday"),\n',
        '"days_to_holiday", F.coalesce("dep_delay", "days_since_holiday").alias("days_since_holiday")),\n',
    )


def plant_window_with_tomorrow(use_cases: Copy) -> None:
    """Late rates whose window ends a day late, from a staging model that reads a day too many."""
    use_cases.patch(
        "flight_delays/dbt/macros/trailing_late_rates.sql", "preceding and current row", "preceding and 1 following"
    )
    use_cases.patch(
        "flight_delays/dbt/models/staging/stg_flight_delays__outcomes.sql",
        "where {{ nightshift.lookback_dates() }}",
        "where batch_date <= date_add({{ nightshift.date_literal('last_date') }}, 1)",
    )


def plant_outcome_of_the_scored_flight(use_cases: Copy) -> None:
    """What became of the flight itself."""
    use_cases.patch(MODEL, "evening.evening_visibility\n", "cast(today.dep_delay as double) as evening_visibility\n")
    use_cases.patch(
        MODEL,
        "from flights\ninner join",
        "from flights\nleft join {{ source('silver', 'flight_delays_outcomes') }} as today\n"
        "    on today.flight_date = flights.batch_date and today.carrier = flights.carrier\n"
        "    and today.flight = flights.flight and today.time_hour = flights.time_hour\ninner join",
    )


def plant_frame_over_the_range(use_cases: Copy) -> None:
    """A frame with one following, over rows that are rightly filtered by the dates of the run."""
    use_cases.patch(
        MODEL,
        "    evening.evening_pressure,\n",
        "    cast(avg(evening.evening_pressure) over (partition by flights.origin order by flights.batch_date\n"
        "        range between current row and 1 following) as double) as evening_pressure,\n",
    )


def test_the_newest_reference_data_whatever_the_date_are_found(found: Found) -> None:
    leaking = {"silver.flights.dest_name", "silver.flights.scheduled_arrival", "gold.features.block_minutes"}
    assert leaking <= found[FROM] & found[AROUND]


def test_outcomes_that_refine_reads_too_early_are_found(found: Found) -> None:
    leaking = {"silver.flights.days_since_holiday", "gold.features.days_since_holiday"}
    assert leaking <= found[FROM] & found[AROUND]


def test_a_window_that_reaches_into_tomorrows_delivery_is_found(found: Found) -> None:
    rates = ("overall_late_rate_1d", "carrier_late_rate_7d", "route_late_rate_28d", "same_flight_flights_28d")
    assert {f"gold.features.{rate}" for rate in rates} <= found[FROM] & found[AROUND] & found[AGAIN]


def test_an_outcome_of_the_scored_flight_is_found(found: Found) -> None:
    assert "gold.features.evening_visibility" in found[FROM] & found[AROUND] & found[AGAIN]


def test_a_frame_over_the_dates_of_a_range_is_found(found: Found) -> None:
    assert "gold.features.evening_pressure" in found[FROM] & found[AROUND]
    # A single night has no date to look ahead to: ranges must be tested on their own.
    assert "gold.features.evening_pressure" not in found[AGAIN]


def test_columns_without_a_leak_are_not_accused(found: Found) -> None:
    accused = {column for columns in found.values() for column in columns if "_late_rate_" not in column}
    assert accused == {
        *("silver.flights.dest_name", "silver.flights.scheduled_arrival", "silver.flights.days_since_holiday"),
        *("gold.features.block_minutes", "gold.features.days_since_holiday", "gold.features.same_flight_flights_28d"),
        *("gold.features.evening_visibility", "gold.features.evening_pressure"),
    }
