{#
  The model has exactly the keys that another relation has on the batch dates of this run. Returns each key
  that only one of both has, and says which.
#}
{% test one_row_per_row_of(model, other, keys) %}
select
    batch_date,
    `{{ keys | join('`, `') }}`,
    case when max(in_other) = 1 then 'missing in the model' else 'only in the model' end as fault
from (
    select batch_date, `{{ keys | join('`, `') }}`, 1 as in_model, 0 as in_other from {{ model }}
    union all
    select batch_date, `{{ keys | join('`, `') }}`, 0, 1 from {{ other }} where {{ nightshift.batch_dates() }}
) as both_sides
group by batch_date, `{{ keys | join('`, `') }}`
having max(in_model) != max(in_other)
{% endtest %}
