"""Which customers consent to research, by another route than the assets' own SELECTs."""

CONSENTING_CUSTOMERS = """
    SELECT customer.email, customer.serialNumber, count(*) AS records
    FROM customer_landing AS customer
    LEFT JOIN (
        SELECT blank.email, max(coalesce(blank.lastUpdateDate, 0)) AS updatedAt
        FROM customer_landing AS blank
        WHERE coalesce(blank.shareWithResearchAsOfDate, 0) = 0
        GROUP BY blank.email
    ) AS refusal ON refusal.email = customer.email
    WHERE refusal.email IS NULL OR coalesce(customer.lastUpdateDate, 0) > refusal.updatedAt
    GROUP BY customer.email, customer.serialNumber
"""
"""The consenting landing records of each customer and device: the records later than the customer's last refusal."""

CONSENTS = """
    SELECT ranked.email, ranked.consentedAt
    FROM (
        SELECT customer.email, customer.shareWithResearchAsOfDate AS consentedAt, row_number() OVER (
            PARTITION BY customer.email
            ORDER BY
                coalesce(customer.lastUpdateDate, 0) DESC,
                CASE WHEN coalesce(customer.shareWithResearchAsOfDate, 0) = 0 THEN 0 ELSE 1 END,
                customer.shareWithResearchAsOfDate DESC
        ) AS place
        FROM customer_landing AS customer
    ) AS ranked
    WHERE ranked.place = 1 AND coalesce(ranked.consentedAt, 0) <> 0
"""
"""The start of each customer's consent, by the customer's latest record. Among records of the same date, one without
consent counts first."""
