with statements as (

    select * from {{ ref('stg_card_default__statements') }}

),

looked_back as (

    select
        *,
        -- A client who had no statement that month has none here either, whatever rows lie between.
        max(pay_status) over month_before as pay_status_before,
        max(bill_amount) over month_before as bill_amount_before,
        max(pay_status) over two_months_before as pay_status_two_before,
        max(bill_amount) over two_months_before as bill_amount_two_before,
        max(pay_status) over three_months as worst_pay_status,
        count_if(pay_status >= 1) over three_months as late_statements,
        sum(paid_amount) over three_months as paid_amount_of_three,
        count(*) over three_months as statements_seen
    from statements
    window
        month_before as (
            partition by client_id order by delivery range between 1 preceding and 1 preceding
        ),
        two_months_before as (
            partition by client_id order by delivery range between 2 preceding and 2 preceding
        ),
        three_months as (
            partition by client_id order by delivery range between 2 preceding and current row
        )

)

select * from looked_back
where {{ nightshift.batch_dates() }}
