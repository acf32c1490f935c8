{{ config(materialized='stage') }}

with history as (

    select * from {{ ref('int_card_default__history') }}

)

select
    -- ids
    batch_date,
    client_id,

    -- groups, for fairness alone
    sex,
    age_band,
    education,

    -- payments
    cast(pay_status as double) as pay_status,
    cast(pay_status_before as double) as pay_status_before,
    cast(pay_status_two_before as double) as pay_status_two_before,
    cast(worst_pay_status as double) as worst_pay_status,
    cast(late_statements as double) / statements_seen as late_share,
    cast(paid_amount as double) as paid_amount,
    -- Who owed nothing had nothing to pay.
    case when bill_amount_before > 0 then least(cast(paid_amount as double) / bill_amount_before, 10) end as paid_share,
    try_divide(cast(paid_amount_of_three as double), statements_seen * credit_limit) as paid_share_of_limit,

    -- balance
    cast(credit_limit as double) as credit_limit,
    cast(bill_amount as double) as bill_amount,
    try_divide(cast(bill_amount as double), credit_limit) as utilisation,
    try_divide(cast(bill_amount_before as double), credit_limit) as utilisation_before,
    try_divide(cast(bill_amount - bill_amount_two_before as double), credit_limit) as utilisation_change
from history
