with evening_weather as (

    -- The last evening that the delivery of the batch date tells of: 18:00 to 23:59, local time.
    select * from {{ ref('stg_flight_delays__weather') }}
    where local_hour >= 18

),

weather as (

    select
        batch_date,
        origin,
        cast(avg(temperature) as double) as evening_temperature,
        cast(avg(dew_point) as double) as evening_dew_point,
        cast(avg(humidity) as double) as evening_humidity,
        cast(avg(wind_speed) as double) as evening_wind_speed,
        cast(max(wind_gust) as double) as evening_wind_gust,
        cast(sum(precipitation) as double) as evening_precipitation,
        cast(avg(pressure) as double) as evening_pressure,
        cast(
            max_by(pressure, time_hour) filter (where pressure is not null)
            - min_by(pressure, time_hour) filter (where pressure is not null) as double
        ) as evening_pressure_change,
        cast(min(visibility) as double) as evening_visibility
    from evening_weather
    group by batch_date, origin

),

delays as (

    select
        batch_date,
        origin,
        -- Whole minutes are added up before the division, so that the order of rows does not matter.
        try_divide(cast(sum(arrival_delay_minutes) as double), count(arrival_delay_minutes))
            as origin_evening_arrival_delay
    from {{ ref('stg_flight_delays__outcomes') }}
    where {{ nightshift.batch_dates() }} and departure_hour >= 17
    group by batch_date, origin

)

select
    batch_date,
    origin,
    evening_temperature,
    evening_dew_point,
    evening_humidity,
    evening_wind_speed,
    evening_wind_gust,
    evening_precipitation,
    evening_pressure,
    evening_pressure_change,
    evening_visibility,
    origin_evening_arrival_delay
from weather
full outer join delays using (batch_date, origin)
