{{ config(materialized='incremental', incremental_strategy='append') }}

SELECT *
FROM {{ source('landing', 'step_trainer') }}
{% if is_incremental() %}
WHERE filename NOT IN ({{ known_files(this) }})
{% endif %}
