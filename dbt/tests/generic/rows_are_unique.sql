{#
  One row per key and batch date: the keys are those that the model declares. Returns each doubled key.
#}
{% test rows_are_unique(model, keys) %}
select batch_date, {{ keys | join(', ') }}, count(*) as number_of_rows
from {{ model }}
group by batch_date, {{ keys | join(', ') }}
having count(*) > 1
{% endtest %}
