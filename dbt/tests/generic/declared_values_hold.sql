{#
  Holds every column against what its YAML declares: required, accepted, minimum, maximum. One scan for all
  columns. Returns each row that breaks a rule, with the rules that it broke.
#}
{% test declared_values_hold(model, keys, model_name) %}
{%- set rules = [] -%}
{%- if execute -%}
  {%- set declared = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
        | selectattr('name', 'equalto', model_name) | first -%}
  {%- for column in declared.columns.values() -%}
    {%- set meta = column.config.meta if column.config else column.meta -%}
    {%- if meta.get('required') -%}
      {%- do rules.append((column.name ~ ' is null', column.name ~ ' is null')) -%}
    {%- endif -%}
    {%- if 'minimum' in meta -%}
      {%- do rules.append((column.name ~ ' is below ' ~ meta['minimum'], column.name ~ ' < ' ~ meta['minimum'])) -%}
    {%- endif -%}
    {%- if 'maximum' in meta -%}
      {%- do rules.append((column.name ~ ' is above ' ~ meta['maximum'], column.name ~ ' > ' ~ meta['maximum'])) -%}
    {%- endif -%}
    {%- if 'accepted' in meta -%}
      {%- set values = "'" ~ meta['accepted'] | join("', '") ~ "'" -%}
      {%- do rules.append((column.name ~ ' is not accepted', column.name ~ ' not in (' ~ values ~ ')')) -%}
    {%- endif -%}
  {%- endfor -%}
{%- endif %}
select batch_date, {{ keys | join(', ') }}, broken_rules
from (
    select
        *,
        concat_ws(
            '; ', ''
            {%- for words, predicate in rules %},
            case when {{ predicate }} then '{{ words }}' end
            {%- endfor %}
        ) as broken_rules
    from {{ model }}
) as examined
where broken_rules != ''
{% endtest %}
