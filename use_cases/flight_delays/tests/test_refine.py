"""The use case's own transforms, on rows that each stand for one case."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.use_case_code import load_module
from nightshift.home.settings import get_settings
from spark_jobs.holiday_calendar import calendar_rows

REFERENCE = "valid_from date, valid_until date"
ALWAYS = (dt.date(2000, 1, 1), dt.date(9999, 12, 31))
DATE = dt.date(2013, 7, 1)


@pytest.fixture(scope="module")
def transforms():
    return load_module(UseCase.load("flight_delays", get_settings()), "refine")


def refined_flight(spark, transforms, departs: str, arrives: str, dest: str = "LAX", date: dt.date = DATE):
    """One flight from Newark, refined."""
    schedule = spark.createDataFrame(
        [(date, 2, date, "UA", 1, "EWR", dest, departs, arrives, 1000)],
        "batch_date date, record bigint, flight_date date, carrier string, flight int, origin string, dest string, "
        "sched_dep_time string, sched_arr_time string, distance int",
    )
    airlines = spark.createDataFrame([("UA", "United", *ALWAYS)], f"carrier string, name string, {REFERENCE}")
    airports = spark.createDataFrame(
        [
            ("LAX", "Los Angeles", "America/Los_Angeles", *ALWAYS),
            ("MIA", "Miami", "America/New_York", *ALWAYS),
            ("EEN", "Keene", None, *ALWAYS),
            ("BAD", "Nowhere", "Mars/Olympus", *ALWAYS),
        ],
        f"faa string, name string, tzone string, {REFERENCE}",
    )
    calendar = spark.createDataFrame(
        [(date, "Some Day", 0, 0)], "date date, holiday string, days_to_holiday int, days_since_holiday int"
    )
    return transforms.flights(schedule, airlines, airports, calendar).first()


@pytest.mark.parametrize(
    ("departs", "arrives", "dest", "date", "departure", "arrival"),
    [
        ("0515", "0819", "LAX", DATE, "2013-07-01T09:15", "2013-07-01T15:19"),
        ("0515", "0819", "LAX", dt.date(2013, 1, 2), "2013-01-02T10:15", "2013-01-02T16:19"),
        ("2359", "0300", "MIA", DATE, "2013-07-02T03:59", "2013-07-02T07:00"),
        ("2100", "2400", "MIA", DATE, "2013-07-02T01:00", "2013-07-02T04:00"),
        ("1200", "1500", "SJU", DATE, "2013-07-01T16:00", None),
        ("1200", "1500", "EEN", DATE, "2013-07-01T16:00", None),
        ("1200", "1500", "BAD", DATE, "2013-07-01T16:00", None),
        ("0600", "0900", "MIA", dt.date(2013, 3, 10), "2013-03-10T10:00", "2013-03-10T13:00"),
    ],
    ids=[
        *("three zones west", "winter", "after midnight", "at midnight"),
        *("unknown airport", "airport without a zone", "zone that does not exist", "morning of the clock change"),
    ],
)
def test_local_times_become_instants(spark, transforms, departs, arrives, dest, date, departure, arrival) -> None:
    row = refined_flight(spark, transforms, departs, arrives, dest, date)
    assert row.scheduled_departure == dt.datetime.fromisoformat(departure)
    assert row.scheduled_arrival == (None if arrival is None else dt.datetime.fromisoformat(arrival))
    assert row.time_hour == row.scheduled_departure.replace(minute=0)


def test_a_flight_carries_minutes_names_and_holiday(spark, transforms) -> None:
    row = refined_flight(spark, transforms, "0515", "2400")
    assert (row.departure_minute, row.arrival_minute) == (315, 1440)
    assert (row.carrier_name, row.dest_name, row.holiday) == ("United", "Los Angeles", "Some Day")


def test_reference_data_is_joined_as_it_was_known_then(spark, transforms) -> None:
    planes = spark.createDataFrame(
        [
            ("N1", 1999, "old", 100, dt.date(2013, 1, 1), dt.date(2013, 2, 1)),
            ("N1", 1999, "new", 120, dt.date(2013, 2, 1), dt.date(9999, 12, 31)),
        ],
        f"tailnum string, year int, model string, seats int, {REFERENCE}",
    )
    dates = [dt.date(2012, 12, 31), dt.date(2013, 1, 31), dt.date(2013, 2, 1)]
    rows = [outcome(date, record=number) for number, date in enumerate(dates)]
    refined = transforms.outcomes(spark.createDataFrame(rows, OUTCOME), planes)
    assert {row.batch_date: row.aircraft_model for row in refined.collect()} == dict(
        zip(dates, [None, "old", "new"], strict=True)
    )


OUTCOME = (
    "batch_date date, record bigint, flight_date date, carrier string, flight int, origin string, dest string, "
    "sched_dep_time string, dep_delay int, arr_delay int, air_time int, tailnum string, cancelled boolean, "
    "diverted boolean"
)


def outcome(date: dt.date = DATE, record: int = 1, arr_delay: int | None = 0, cancelled=False, diverted=False):
    day_before = date - dt.timedelta(days=1)
    return date, record, day_before, "UA", 1, "EWR", "IAH", "0515", 0, arr_delay, 100, "N1", cancelled, diverted


@pytest.mark.parametrize(
    ("case", "is_late"),
    [
        ({"arr_delay": 14}, False),
        ({"arr_delay": 15}, True),
        ({"arr_delay": -20}, False),
        ({"arr_delay": None, "cancelled": True}, True),
        ({"arr_delay": None, "diverted": True}, True),
    ],
    ids=["just on time", "just late", "early", "cancelled", "diverted"],
)
def test_the_label(spark, transforms, case: dict, is_late: bool) -> None:
    planes = spark.createDataFrame([], f"tailnum string, year int, model string, seats int, {REFERENCE}")
    row = transforms.outcomes(spark.createDataFrame([outcome(**case)], OUTCOME), planes).first()
    assert row.is_late is is_late


def calendar_of(country: str | None, dates: str, subdivision: str | None = None) -> list[tuple[object, ...]]:
    return [row[1:] for row in calendar_rows(country, subdivision, BatchDates.parse(dates))]


def test_holidays_and_their_distance() -> None:
    assert calendar_of("US", "2013-07-03..2013-07-05") == [
        (None, 1, 37),
        ("Independence Day", 0, 0),
        (None, 59, 1),
    ]
    assert calendar_of("US", "2013-03-31", "CA") == [("Cesar Chavez Day", 0, 0)], "a holiday of one state"


@pytest.mark.parametrize(
    ("country", "date", "row"),
    [
        (None, "2013-07-04", (None, None, None)),
        ("UA", "2024-06-01", (None, None, None)),  # under martial law there are none
        ("SS", "2011-07-01", (None, 184, None)),  # founded on the 9th, the law begins with 2012
        ("US", "0001-01-02", (None, None, None)),  # before the first year of the library, and of Python
        ("US", "9999-12-30", (None, None, None)),
        ("US", "2101-06-01", (None, None, 152)),  # the library ends with 2100
        ("NO", "2013-05-17", ("Constitution Day", 0, 0)),
    ],
)
def test_where_no_holiday_is_near_its_distance_is_null(country: str | None, date: str, row: tuple[object, ...]) -> None:
    assert calendar_of(country, date) == [row]


def test_a_range_of_years_has_the_calendar_of_its_dates() -> None:
    dates = BatchDates.parse("2021-12-30..2026-01-02")  # the holidays of UA end in 2022
    alone = [calendar_rows("UA", None, BatchDates.of(date))[0] for date in dates if date.day < 3]
    assert [row for row in calendar_rows("UA", None, dates) if row[0].day < 3] == alone
