{{ config(materialized='stage') }}

with scores as (

    select * from {{ ref('stg_flight_delays__scores') }}
    where {{ nightshift.batch_dates() }}

),

ranked as (

    select
        *,
        -- Ties are broken by the key, so that a rerun gives the same ranks.
        cast(row_number() over (
            partition by batch_date
            order by probability desc, time_hour, carrier, flight
        ) as int) as risk_rank
    from scores

),

flights as (

    select * from {{ ref('stg_flight_delays__flights') }}

),

features as (

    select * from {{ source('gold', 'flight_delays_features') }}
    where {{ nightshift.batch_dates() }}

)

select
    -- ids
    ranked.batch_date,
    ranked.risk_rank,
    ranked.time_hour,
    ranked.carrier,
    ranked.flight,
    ranked.origin,
    ranked.dest,
    ranked.model_version,

    -- texts
    flights.carrier_name,
    flights.dest_name,
    format_string('%02d:%02d', flights.departure_minute div 60, flights.departure_minute % 60) as local_departure,
    ranked.decision,
    ranked.main_reason,

    -- numbers
    ranked.probability,
    features.route_late_rate_28d,
    features.carrier_late_rate_7d
from ranked
left join flights using (batch_date, time_hour, carrier, flight)
left join features using (batch_date, time_hour, carrier, flight)
where ranked.risk_rank <= 50
