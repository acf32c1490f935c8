{{ config(materialized='stage') }}

with outcomes as (

    select * from {{ ref('stg_flight_delays__outcomes') }}
    where {{ nightshift.batch_dates() }}

),

scores as (

    select * from {{ ref('stg_flight_delays__scores') }}

),

matched as (

    select
        outcomes.batch_date,
        outcomes.flight_date,
        outcomes.carrier,
        outcomes.origin,
        outcomes.is_late,
        -- Decimals: their sums do not depend on the order of rows.
        cast(scores.probability as decimal(20, 15)) as probability,
        cast(power(scores.probability - cast(outcomes.is_late as int), 2) as decimal(20, 15)) as squared_error
    from outcomes
    left join scores
        on outcomes.flight_date = scores.batch_date
        and outcomes.time_hour = scores.time_hour
        and outcomes.carrier = scores.carrier
        and outcomes.flight = scores.flight

),

per_day as (

    select
        batch_date,
        flight_date,
        carrier,
        origin,
        cast(count(*) as int) as flights,
        cast(count(probability) as int) as scored_flights,
        cast(avg(probability) as double) as predicted_late_rate,
        cast(count_if(is_late) as double) / count(*) as realised_late_rate,
        cast(avg(squared_error) as double) as brier_score
    from matched
    group by batch_date, flight_date, carrier, origin

)

select
    -- ids
    batch_date,
    flight_date,
    carrier,
    origin,

    -- numbers
    flights,
    scored_flights,
    predicted_late_rate,
    realised_late_rate,
    predicted_late_rate - realised_late_rate as difference,
    brier_score
from per_day
