SELECT *
FROM {{ source('landing', 'accelerometer') }}
