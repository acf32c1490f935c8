{#
  Writes a model's rows as Parquet into the folder that the job chose for it, and nowhere else. Tests and
  audits read them there; publishing them is the job's business. The folder is read when the model runs,
  not in its config, because a config that changes every night would make dbt parse everything every night.
#}
{% materialization stage, adapter='spark' %}
  {%- set relation = this.incorporate(type='table') -%}
  {%- set folder = var('stage_folders', {}).get(model['name']) -%}
  {%- if not folder -%}
    {{ exceptions.raise_compiler_error(
        "no stage folder is given for " ~ model['name'] ~ ": build models with `.venv/bin/python -m spark_jobs.features "
        ~ "--use-case … --dates …` or `.venv/bin/python -m spark_jobs.marts …`") }}
  {%- endif -%}

  {# Of every model, whether or not its YAML says `contract: {enforced: true}`: audits read the columns that are
     declared, so that one which the SQL lacks would be null, and one which it has beside them would be unseen. #}
  {{ get_assert_columns_equivalent(sql) }}

  {% do run_query('drop table if exists ' ~ relation) %}

  {% call statement('main') -%}
    create table {{ relation }} using parquet partitioned by (batch_date) location '{{ folder | replace("'", "\\'") }}' as
    select /*+ rebalance(batch_date) */ * from ({{ sql }}) as model
    {# Like every other table; the same rows are then the same bytes, and a score that is made again names the same
       version of its features. #}
    sort by batch_date{% for key in model['config']['meta']['keys'] %}, `{{ key }}`{% endfor %}
  {%- endcall %}

  {{ return({'relations': [relation]}) }}
{% endmaterialization %}
