{{ config(materialized='stage') }}

with flights as (

    select * from {{ ref('int_flight_delays__congestion') }}

),

late_rates as (

    select * from {{ ref('int_flight_delays__late_rates') }}

),

evening as (

    select * from {{ ref('int_flight_delays__evening') }}

)

select
    -- ids
    flights.batch_date,
    flights.time_hour,
    flights.carrier,
    flights.flight,

    -- schedule
    flights.origin,
    flights.dest,
    cast(flights.departure_minute as double) as departure_minute,
    cast(flights.arrival_minute as double) as arrival_minute,
    cast(timestampdiff(minute, flights.scheduled_departure, flights.scheduled_arrival) as double) as block_minutes,
    cast(flights.distance as double) as distance,

    -- calendar
    cast(weekday(flights.batch_date) + 1 as double) as day_of_week,
    cast(weekday(flights.batch_date) >= 5 as double) as is_weekend,
    cast(day(flights.batch_date) as double) as day_of_month,
    cast(flights.days_to_holiday as double) as days_to_holiday,
    cast(flights.days_since_holiday as double) as days_since_holiday,

    -- congestion
    flights.origin_departures_around,
    flights.origin_departures_in_day,
    flights.carrier_origin_departures_in_day,
    flights.origin_day_share_before,

    -- late_rates
    late_rates.overall_late_rate_1d,
    late_rates.overall_late_rate_7d,
    late_rates.overall_late_rate_28d,
    late_rates.carrier_late_rate_1d,
    late_rates.carrier_late_rate_7d,
    late_rates.origin_late_rate_1d,
    late_rates.origin_late_rate_7d,
    late_rates.origin_hour_late_rate_7d,
    late_rates.origin_hour_late_rate_28d,
    late_rates.route_late_rate_28d,
    late_rates.carrier_origin_late_rate_1d,
    late_rates.carrier_origin_late_rate_28d,
    late_rates.same_flight_late_rate_28d,

    -- evidence
    late_rates.same_flight_flights_28d,

    -- evening
    evening.origin_evening_arrival_delay,
    evening.evening_temperature,
    evening.evening_dew_point,
    evening.evening_humidity,
    evening.evening_wind_speed,
    evening.evening_wind_gust,
    evening.evening_precipitation,
    evening.evening_pressure,
    evening.evening_pressure_change,
    evening.evening_visibility
from flights
inner join late_rates using (batch_date, time_hour, carrier, flight)
left join evening on flights.batch_date = evening.batch_date and flights.origin = evening.origin
