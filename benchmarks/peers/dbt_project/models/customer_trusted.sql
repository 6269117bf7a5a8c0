SELECT *
FROM {{ ref('customer_landing') }}
WHERE shareWithResearchAsOfDate <> 0
