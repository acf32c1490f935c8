{# What the YAML beside a model says of it, by the model's relation. Nothing is known while dbt parses. #}
{% macro declaration_of(relation) -%}
  {%- set unknown = {'columns': {}, 'config': {'meta': {'keys': []}}} -%}
  {%- if execute -%}
    {{ return(graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
        | selectattr('name', 'equalto', relation.identifier) | first) }}
  {%- endif -%}
  {{ return(unknown) }}
{%- endmacro %}


{# A text as a literal of Spark's SQL, whatever stands in it. #}
{% macro text_literal(text) -%}
  '{{ text | string | replace('\\', '\\\\') | replace("'", "\\'") }}'
{%- endmacro %}
