{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='sensorReadingTime') }}

SELECT
    device.sensorReadingTime,
    device.serialNumber,
    device.distanceFromObject,
    phone."timestamp",
    phone.x,
    phone.y,
    phone.z
FROM {{ ref('step_trainer_trusted') }} AS device
INNER JOIN {{ ref('accelerometer_trusted') }} AS phone ON phone."timestamp" = device.sensorReadingTime
{% if is_incremental() %}
WHERE device.sensorReadingTime >= (SELECT coalesce(max(sensorReadingTime), 0) FROM {{ this }})
{% endif %}
