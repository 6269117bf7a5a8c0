SELECT *
FROM {{ ref('step_trainer_landing') }}
WHERE serialNumber IN (SELECT serialNumber FROM {{ ref('customer_curated') }})
