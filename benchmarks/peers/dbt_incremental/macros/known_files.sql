{# The files that a table has rows of, as literals: DuckDB then opens only the others. #}
{% macro known_files(relation) -%}
{%- for name in run_query("SELECT DISTINCT filename FROM " ~ relation).columns[0].values() -%}
'{{ name }}'{{ ", " if not loop.last }}
{%- endfor -%}
{%- endmacro %}
