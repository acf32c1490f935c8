with source as (

    select * from {{ source('silver', 'flight_delays_outcomes') }}
    where {{ nightshift.lookback_dates() }}

),

renamed as (

    select
        -- ids
        batch_date,
        flight_date,
        time_hour,
        carrier,
        flight,
        origin,
        dest,

        -- numbers
        departure_minute div 60 as departure_hour,
        arr_delay as arrival_delay_minutes,

        -- flags
        is_late

    from source

)

select * from renamed
