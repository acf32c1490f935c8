with flights as (

    select * from {{ ref('stg_flight_delays__flights') }}

),

counted as (

    select
        *,
        count(*) over around as departures_around,
        count(*) over before as departures_before,
        count(*) over origin_day as departures_in_day,
        count(*) over carrier_day as carrier_departures_in_day
    from flights
    window
        origin_day as (partition by batch_date, origin),
        carrier_day as (partition by batch_date, origin, carrier),
        around as (
            partition by batch_date, origin order by departure_minute
            range between 60 preceding and 60 following
        ),
        before as (
            partition by batch_date, origin order by departure_minute
            range between unbounded preceding and 1 preceding
        )

)

select
    *,
    cast(departures_around as double) as origin_departures_around,
    cast(departures_in_day as double) as origin_departures_in_day,
    cast(carrier_departures_in_day as double) as carrier_origin_departures_in_day,
    cast(departures_before as double) / departures_in_day as origin_day_share_before
from counted
