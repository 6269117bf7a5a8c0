SELECT *
FROM {{ ref('accelerometer_landing') }}
WHERE "user" IN (SELECT email FROM {{ ref('customer_trusted') }})
