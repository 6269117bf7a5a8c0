{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='timestamp') }}

SELECT "user", "timestamp", x, y, z
FROM {{ ref('accelerometer_landing') }}
WHERE "user" IN (SELECT email FROM {{ ref('customer_trusted') }})
{% if is_incremental() %}
    AND "timestamp" >= (SELECT coalesce(max("timestamp"), 0) FROM {{ this }})
{% endif %}
