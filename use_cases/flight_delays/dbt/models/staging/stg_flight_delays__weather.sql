with source as (

    select * from {{ source('silver', 'flight_delays_weather') }}
    where {{ nightshift.batch_dates() }}

),

renamed as (

    select
        -- ids
        batch_date,
        origin,

        -- numbers; decimals, because sums of them do not depend on the order of rows
        local_hour,
        cast(temperature as decimal(12, 4)) as temperature,
        cast(dew_point as decimal(12, 4)) as dew_point,
        cast(humidity as decimal(12, 4)) as humidity,
        cast(wind_speed as decimal(12, 4)) as wind_speed,
        cast(wind_gust as decimal(12, 4)) as wind_gust,
        cast(precipitation as decimal(12, 4)) as precipitation,
        cast(pressure as decimal(12, 4)) as pressure,
        cast(visibility as decimal(12, 4)) as visibility,

        -- times
        time_hour

    from source

)

select * from renamed
