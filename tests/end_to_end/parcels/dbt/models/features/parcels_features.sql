{{ config(materialized='stage') }}

select batch_date, parcel, distance, country
from {{ source('silver', 'parcels_parcels') }}
where {{ nightshift.batch_dates() }}
