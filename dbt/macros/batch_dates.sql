{#
  A predicate that keeps the batch dates of this run, and `days_before` more of them before its first.
  The dates are typed before they reach SQL, and stand in it as literals so that partitions are pruned.
#}
{% macro batch_dates(column='batch_date', days_before=0) -%}
  {{ column }} >= date_sub({{ nightshift.date_literal('first_date') }}, {{ days_before }})
    and {{ column }} <= {{ nightshift.date_literal('last_date') }}
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


{# How many deliveries, that of the batch date included, features may look back on. #}
{% macro lookback_days() -%}
  {{ return(var('lookback_days', 28) | int) }}
{%- endmacro %}
