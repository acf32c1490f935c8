{#
  Trailing late rates of scheduled flights, by any number of keys and windows, in one pass.

  Outcomes are first counted per delivery and key; a window then adds whole numbers, so that the result
  depends neither on the order of rows nor on their distribution. A window of n days ends with the
  delivery of the batch date itself, which is the newest thing known at its cut-off, and reaches n - 1
  deliveries further back.

  Args:
    flights: relation with one row per scheduled flight: batch_date, the columns of `identity` and of `keys`.
    outcomes: relation with one row per flight: batch_date (of the delivery), is_late and the columns of `keys`.
    identity: columns that identify a flight within its batch date.
    keys: name of a key -> {columns: the columns it consists of, windows: lengths in days}.
          The key `overall` has no columns, and all windows that any key has.
    prior_flights: how many flights at the overall rate every rate is mixed with, so that a key with little
          evidence stays close to the overall rate of the same window.

  Gives one row per flight: batch_date, identity, and per key and window <key>_late_rate_<n>d (null where
  the window holds no outcome at all) and <key>_flights_<n>d (evidence in the window).
#}
{% macro trailing_late_rates(flights, outcomes, identity, keys, prior_flights) %}
{%- set lengths = keys['overall']['windows'] -%}
{%- if lengths | max > nightshift.lookback_days() -%}
  {{ exceptions.raise_compiler_error(
      "a window of " ~ lengths | max ~ " days needs `nightly.lookback_days` of at least as many in use_case.yaml") }}
{%- endif %}

with outcomes_per_delivery as (
    select
        batch_date,
        key.name as key_name,
        key.value as key_value,
        count(*) as flights,
        count_if(is_late) as late_flights
    from {{ outcomes }}
    lateral view explode({{ key_values(keys) }}) as key
    group by 1, 2, 3
),

flight_keys as (
    select
        batch_date,
        {{ identity | join(', ') }},
        key.name as key_name,
        key.value as key_value
    from {{ flights }}
    lateral view explode({{ key_values(keys) }}) as key
),

evidence as (
    select
        batch_date,
        {{ identity | join(', ') }},
        key_name,
        key_value,
        0 as flights,
        0 as late_flights,
        true as is_scheduled
    from flight_keys
    union all
    select
        batch_date,
        {%- for column in identity %}
        null as {{ column }},
        {%- endfor %}
        key_name,
        key_value,
        flights,
        late_flights,
        false as is_scheduled
    from outcomes_per_delivery
),

trailing as (
    select
        batch_date,
        {{ identity | join(', ') }},
        key_name,
        is_scheduled
        {%- for length in lengths %},
        sum(flights) over last_{{ length }}_days as flights_{{ length }}d,
        sum(late_flights) over last_{{ length }}_days as late_flights_{{ length }}d
        {%- endfor %}
    from evidence
    window
        {%- for length in lengths %}
        last_{{ length }}_days as (
            partition by key_name, key_value
            order by batch_date
            range between {{ length - 1 }} preceding and current row
        ){{ ',' if not loop.last }}
        {%- endfor %}
),

counts as (
    select
        batch_date,
        {{ identity | join(', ') }}
        {%- for name, key in keys.items() %}{% for length in key['windows'] %},
        max(flights_{{ length }}d) filter (where key_name = '{{ name }}') as {{ name }}_flights_{{ length }}d,
        max(late_flights_{{ length }}d) filter (where key_name = '{{ name }}') as {{ name }}_late_flights_{{ length }}d
        {%- endfor %}{% endfor %}
    from trailing
    where is_scheduled
    group by batch_date, {{ identity | join(', ') }}
)

select
    batch_date,
    {{ identity | join(', ') }}
    {%- for name, key in keys.items() %}{% for length in key['windows'] %},
    cast({{ name }}_flights_{{ length }}d as double) as {{ name }}_flights_{{ length }}d,
    {{ smoothed_rate(name, length, prior_flights) }} as {{ name }}_late_rate_{{ length }}d
    {%- endfor %}{% endfor %}
from counts
{% endmacro %}


{# A key's flights mixed with `prior_flights` at the overall rate: (late + prior * overall) / (flights + prior). #}
{% macro smoothed_rate(name, length, prior_flights) -%}
{%- set overall -%}
try_divide(cast(overall_late_flights_{{ length }}d as double), cast(overall_flights_{{ length }}d as double))
{%- endset -%}
{%- if name == 'overall' -%}
{{ overall }}
{%- else -%}
({{ name }}_late_flights_{{ length }}d + {{ prior_flights }} * {{ overall }})
        / ({{ name }}_flights_{{ length }}d + {{ prior_flights }})
{%- endif -%}
{%- endmacro %}


{# An array of (name, value), one for each key of a row. #}
{% macro key_values(keys) -%}
array(
        {%- for name, key in keys.items() %}
        named_struct(
            'name', '{{ name }}',
            'value', concat_ws('|', '' {%- for column in key['columns'] %}, {{ column }}{% endfor %})
        )
        {{- ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
