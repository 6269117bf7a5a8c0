{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='sensorReadingTime') }}

SELECT sensorReadingTime, serialNumber, distanceFromObject
FROM {{ ref('step_trainer_landing') }}
WHERE serialNumber IN (SELECT serialNumber FROM {{ ref('customer_curated') }})
{% if is_incremental() %}
    AND sensorReadingTime >= (SELECT coalesce(max(sensorReadingTime), 0) FROM {{ this }})
{% endif %}
