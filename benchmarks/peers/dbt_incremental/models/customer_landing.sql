SELECT *
FROM {{ source('landing', 'customer') }}
