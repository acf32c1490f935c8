{{ config(materialized='stage') }}

select batch_date, country, count(*) as parcels
from {{ source('gold', 'parcels_scores') }}
where {{ nightshift.batch_dates() }}
group by batch_date, country
