SELECT *
FROM {{ ref('customer_landing') }} AS customer
WHERE shareWithResearchAsOfDate <> 0
    AND NOT EXISTS (
        SELECT refusal.email
        FROM {{ ref('customer_landing') }} AS refusal
        WHERE refusal.email = customer.email
            AND coalesce(refusal.lastUpdateDate, 0) >= coalesce(customer.lastUpdateDate, 0)
            AND coalesce(refusal.shareWithResearchAsOfDate, 0) = 0
    )
