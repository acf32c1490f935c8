with source as (

    select * from {{ source('gold', 'card_default_scores') }}
    where {{ nightshift.batch_dates() }}

),

renamed as (

    select
        -- ids
        batch_date,
        client_id,
        model_version,

        -- texts
        decision,
        -- The strongest is the first; a score that few features moved has fewer.
        get(reasons, 0).phrase as main_reason,
        get(reasons, 1).phrase as second_reason,
        get(reasons, 2).phrase as third_reason,

        -- numbers
        credit_limit,
        probability

    from source

)

select * from renamed
