with source as (

    -- One delivery more than asked: the scores of the day before meet their outcomes in today's delivery.
    select * from {{ source('gold', 'flight_delays_scores') }}
    where {{ nightshift.batch_dates(days_before=1) }}

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
        model_version,

        -- texts
        decision,
        -- The strongest is the first; a score that no feature moved has none.
        get(reasons, 0).phrase as main_reason,

        -- numbers
        probability

    from source

)

select * from renamed
