SELECT *
FROM {{ source('landing', 'step_trainer') }}
