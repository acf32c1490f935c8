{# Every model lives in the schema `stage`, so that no model can carry the name of a published table. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ target.schema }}
{%- endmacro %}
