{{ config(materialized='stage') }}

with scores as (

    select * from {{ ref('stg_card_default__scores') }}

),

ranked as (

    select
        *,
        -- Ties are broken by the key, so that a rerun gives the same ranks.
        cast(row_number() over (partition by batch_date order by probability desc, client_id) as int) as risk_rank
    from scores

),

features as (

    select * from {{ source('gold', 'card_default_features') }}
    where {{ nightshift.batch_dates() }}

)

select
    -- ids
    ranked.batch_date,
    ranked.risk_rank,
    ranked.client_id,
    ranked.model_version,

    -- texts
    ranked.decision,
    ranked.main_reason,
    ranked.second_reason,
    ranked.third_reason,

    -- numbers
    ranked.probability,
    ranked.credit_limit,
    features.bill_amount,
    -- What is lost on average: it says whom to call rather than to write to.
    ranked.probability * greatest(features.bill_amount, 0) as expected_late_amount
from ranked
left join features using (batch_date, client_id)
where ranked.risk_rank <= 500
