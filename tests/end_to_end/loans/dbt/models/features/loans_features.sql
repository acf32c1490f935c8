{{ config(materialized='stage') }}

select batch_date, loan, amount, rate, age
from {{ source('silver', 'loans_loans') }}
where {{ nightshift.batch_dates() }}
