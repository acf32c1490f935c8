{#
  One row per key and batch date: the keys are those that the model declares. Returns each doubled key.
#}
{% test rows_are_unique(model) %}
{%- set key = ['batch_date'] + nightshift.declaration_of(model)['config']['meta']['keys'] -%}
select `{{ key | join('`, `') }}`, count(*) as number_of_rows
from {{ model }}
group by `{{ key | join('`, `') }}`
having count(*) > 1
{% endtest %}
