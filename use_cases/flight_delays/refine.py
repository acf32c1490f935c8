"""How bronze becomes silver: one function per silver table, DataFrame in, DataFrame out.

`spark_jobs.refine` calls each by the table's name, with the tables that its parameters name. The first is the
slice that is refined. Reference tables (airlines, airports, planes) come with the columns ``valid_from`` and
``valid_until`` (exclusive), so that a row of D joins what was known on D. ``calendar`` has one row per date.
Every function returns the table's columns and ``record``, by which the newest record of a key is found.
"""

from __future__ import annotations

from zoneinfo import available_timezones

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

ORIGIN_ZONE = "America/New_York"
LATE_MINUTES = 15


def flights(schedule: DataFrame, airlines: DataFrame, airports: DataFrame, calendar: DataFrame) -> DataFrame:
    """The schedule in UTC, with names and holidays as known on the batch date."""
    airline = airlines.select(F.col("carrier").alias("airline"), F.col("name").alias("carrier_name"), *VALIDITY)
    airport = airports.select(
        F.col("faa").alias("airport"), F.col("name").alias("dest_name"), _known_zone("tzone").alias("zone"), *VALIDITY
    )
    named = _join_as_of(_join_as_of(schedule, airline, "carrier", "airline"), airport, "dest", "airport")
    dated = named.join(F.broadcast(calendar), on=F.col("flight_date") == F.col("date"), how="left")
    departure_minute, arrival_minute = _minute("sched_dep_time"), _minute("sched_arr_time")
    departure = _to_utc("flight_date", departure_minute, F.lit(ORIGIN_ZONE))
    arrival = _to_utc("flight_date", arrival_minute, F.col("zone"))
    next_day_arrival = _to_utc(F.date_add("flight_date", 1), arrival_minute, F.col("zone"))
    return dated.select(
        *("batch_date", "record", "flight_date"),
        F.date_trunc("hour", departure).alias("time_hour"),
        *("carrier", "flight", "origin", "dest"),
        departure.alias("scheduled_departure"),
        F.when(arrival > departure, arrival).otherwise(next_day_arrival).alias("scheduled_arrival"),
        departure_minute.alias("departure_minute"),
        arrival_minute.alias("arrival_minute"),
        *("distance", "carrier_name", "dest_name", "holiday", "days_to_holiday", "days_since_holiday"),
    )


def outcomes(outcomes: DataFrame, planes: DataFrame) -> DataFrame:
    """What happened, with the label and the aircraft as known on the batch date."""
    plane = planes.select(
        F.col("tailnum").alias("plane"),
        F.col("model").alias("aircraft_model"),
        F.col("year").alias("aircraft_year"),
        F.col("seats").alias("aircraft_seats"),
        *VALIDITY,
    )
    departure_minute = _minute("sched_dep_time")
    departure = _to_utc("flight_date", departure_minute, F.lit(ORIGIN_ZONE))
    arrived_late = F.coalesce(F.col("arr_delay") >= LATE_MINUTES, F.lit(False))
    return _join_as_of(outcomes, plane, "tailnum", "plane").select(
        *("batch_date", "record", "flight_date"),
        F.date_trunc("hour", departure).alias("time_hour"),
        *("carrier", "flight", "origin", "dest"),
        departure_minute.alias("departure_minute"),
        *("dep_delay", "arr_delay", "air_time"),
        F.col("cancelled").alias("is_cancelled"),
        F.col("diverted").alias("is_diverted"),
        (F.col("cancelled") | F.col("diverted") | arrived_late).alias("is_late"),
        *("tailnum", "aircraft_model", "aircraft_year", "aircraft_seats"),
    )


def weather(weather: DataFrame) -> DataFrame:
    """The observations under readable names, with the local hour."""
    return weather.select(
        *("batch_date", "record", "origin", "time_hour"),
        F.hour(F.from_utc_timestamp("time_hour", ORIGIN_ZONE)).alias("local_hour"),
        F.col("temp").alias("temperature"),
        F.col("dewp").alias("dew_point"),
        F.col("humid").alias("humidity"),
        F.col("wind_dir").alias("wind_direction"),
        *("wind_speed", "wind_gust"),
        F.col("precip").alias("precipitation"),
        "pressure",
        F.col("visib").alias("visibility"),
    )


VALIDITY = ("valid_from", "valid_until")


def _join_as_of(rows: DataFrame, reference: DataFrame, column: str, key: str) -> DataFrame:
    """Join the reference rows that were known on each row's batch date; rows without one stay."""
    known = (
        (F.col(column) == F.col(key))
        & (F.col("batch_date") >= F.col("valid_from"))
        & (F.col("batch_date") < F.col("valid_until"))
    )
    return rows.join(F.broadcast(reference), on=known, how="left").drop(*VALIDITY)


def _minute(hhmm: str) -> Column:
    """Minutes after local midnight of a time like ``0517``."""
    text = F.col(hhmm)
    return (F.substring(text, 1, 2).cast("int") * 60 + F.substring(text, 3, 2).cast("int")).cast("int")


def _to_utc(date: str | Column, minute: Column, zone: Column) -> Column:
    """The instant of a local date and minute; null where the zone is."""
    midnight = (F.col(date) if isinstance(date, str) else date).cast("timestamp")
    return F.to_utc_timestamp(midnight + F.make_dt_interval(mins=minute), zone)


def _known_zone(column: str) -> Column:
    """A time zone's name, or null for a name that no one knows, which would end the job."""
    return F.when(F.col(column).isin(*sorted(available_timezones())), F.col(column))
