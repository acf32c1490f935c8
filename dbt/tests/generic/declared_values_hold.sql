{#
  Checks every column against what its YAML declares: required, accepted, pattern, minimum, maximum. One scan for all
  columns. Returns each row that breaks a rule, with the rules that it broke.
#}
{% test declared_values_hold(model) %}
{%- set declared = nightshift.declaration_of(model) -%}
{%- set keys = declared['config']['meta']['keys'] -%}
{%- set rules = [] -%}
{%- for column in declared['columns'].values() -%}
  {#- A column may be called like a word of SQL. -#}
  {%- set name, quoted = column.name, '`' ~ column.name ~ '`' -%}
  {%- set meta = column.config.meta if column.config else column.meta -%}
  {%- if meta.get('required') or name in keys -%}
    {%- do rules.append((name ~ ' is null', quoted ~ ' is null')) -%}
  {%- endif -%}
  {%- if 'minimum' in meta -%}
    {%- do rules.append((name ~ ' is below ' ~ meta['minimum'], quoted ~ ' < ' ~ meta['minimum'])) -%}
  {%- endif -%}
  {%- if 'maximum' in meta -%}
    {%- do rules.append((name ~ ' is above ' ~ meta['maximum'], quoted ~ ' > ' ~ meta['maximum'])) -%}
  {%- endif -%}
  {%- if 'accepted' in meta -%}
    {%- set values = [] -%}
    {%- for value in meta['accepted'] -%}{%- do values.append(nightshift.text_literal(value)) -%}{%- endfor -%}
    {%- do rules.append((name ~ ' is not accepted', quoted ~ ' not in (' ~ values | join(', ') ~ ')')) -%}
  {%- endif -%}
  {%- if 'pattern' in meta -%}
    {#- As the records of a delivery are checked against it. -#}
    {%- set pattern = nightshift.text_literal('\\A(?:' ~ meta['pattern'] ~ ')\\z') -%}
    {%- do rules.append((name ~ ' does not match its pattern', 'not ' ~ quoted ~ ' rlike ' ~ pattern)) -%}
  {%- endif -%}
{%- endfor %}
select `{{ (['batch_date'] + keys) | join('`, `') }}`, broken_rules
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
