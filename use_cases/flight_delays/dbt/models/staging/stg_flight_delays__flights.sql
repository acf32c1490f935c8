with source as (

    select * from {{ source('silver', 'flight_delays_flights') }}
    where {{ nightshift.batch_dates() }}

),

renamed as (

    select
        -- ids
        batch_date,
        time_hour,
        carrier,
        flight,
        origin,
        dest,

        -- texts
        carrier_name,
        dest_name,

        -- numbers
        departure_minute,
        departure_minute div 60 as departure_hour,
        arrival_minute,
        distance,
        days_to_holiday,
        days_since_holiday,

        -- times
        scheduled_departure,
        scheduled_arrival

    from source

)

select * from renamed
