{#
  A predicate that keeps the batch dates of this run, and `days_before` more days before its first.
  The dates are typed before they reach SQL, and stand in it as literals so that partitions are pruned.
#}
{% macro batch_dates(column='batch_date', days_before=0) -%}
  {{ column }} >= date_sub({{ nightshift.date_literal('first_date') }}, {{ days_before }})
    and {{ column }} <= {{ nightshift.date_literal('last_date') }}
{%- endmacro %}


{# A predicate that keeps all batch dates that the features of this run may look back on, and those of the run. #}
{% macro lookback_dates(column='batch_date') -%}
  {{ column }} >= {{ nightshift.date_literal('lookback_first') }}
    and {{ column }} <= {{ nightshift.date_literal('last_date') }}
{%- endmacro %}


{#
  The number of a batch date: consecutive deliveries have consecutive numbers, whatever days lie between them. A window
  over it counts deliveries: `order by {{ nightshift.delivery_number() }} range between 3 preceding and current row`.
#}
{% macro delivery_number(column='batch_date') -%}
  {{ (var('delivery_number', 'batch_date') if execute else 'batch_date') | replace('batch_date', column) }}
{%- endmacro %}


{# A batch date of this run as a literal. While dbt parses, nothing is computed and no date is needed. #}
{% macro date_literal(name) -%}
  {%- set text = var(name, none) if execute else '1970-01-01' -%}
  {%- if text is none -%}
    {{ exceptions.raise_compiler_error(name ~ " is not given: build models with `.venv/bin/python -m spark_jobs.features "
        ~ "--use-case … --dates …` or `.venv/bin/python -m spark_jobs.marts …`") }}
  {%- endif -%}
  {#- Fails on anything that is not a date. -#}
  {%- set date = modules.datetime.datetime.strptime(text | string, '%Y-%m-%d').date() -%}
  date'{{ date.isoformat() }}'
{%- endmacro %}


{# How many days, that of the batch date included, features may look back on; none where deliveries are counted. #}
{% macro lookback_days() -%}
  {{ return(var('lookback', {'days': 28}).get('days')) }}
{%- endmacro %}
