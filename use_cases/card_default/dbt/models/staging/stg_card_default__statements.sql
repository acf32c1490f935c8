with source as (

    select * from {{ source('silver', 'card_default_statements') }}
    where {{ nightshift.lookback_dates() }}

),

renamed as (

    select
        -- ids
        batch_date,
        client_id,

        -- texts
        sex,
        age_band,
        education,

        -- numbers
        {{ nightshift.delivery_number() }} as delivery,
        credit_limit,
        pay_status,
        bill_amount,
        paid_amount

    from source

)

select * from renamed
