"""The curated zone: the tables that data scientists work with."""

from stedi_assets.defs.assets.table_asset import table_asset
from stedi_assets.query import Query

ROWS_PER_SUBJECT = Query("""
    SELECT
        count(*) AS subjects,
        min(subject.row_count) AS rows_per_subject_least,
        median(subject.row_count) AS rows_per_subject_median
    FROM (
        SELECT stored.subject, count(*) AS row_count
        FROM machine_learning_pseudonymized AS stored
        GROUP BY stored.subject
    ) AS subject
""")
"""The number of rows per pseudonym. A person with few rows is the easier to single out."""


@table_asset(deps=["customer_trusted", "accelerometer_trusted"])
def customer_curated() -> Query:
    """Trusted customers who have phone readings."""
    # DISTINCT changes nothing but the time: DuckDB would otherwise hash every reading, which takes four times as long.
    return Query("""
        SELECT customer.*
        FROM customer_trusted AS customer
        WHERE customer.email IN (SELECT DISTINCT reading.user FROM accelerometer_trusted AS reading)
    """)


@table_asset(deps=["step_trainer_trusted", "accelerometer_trusted"])
def machine_learning_curated() -> Query:
    """Each device reading with each phone reading of the same instant."""
    return Query("""
        SELECT
            device.sensorReadingTime,
            device.serialNumber,
            device.distanceFromObject,
            phone.timestamp,
            phone.x,
            phone.y,
            phone.z
        FROM step_trainer_trusted AS device
        INNER JOIN accelerometer_trusted AS phone ON phone.timestamp = device.sensorReadingTime
    """)


@table_asset(deps=["customer_landing", "step_trainer_trusted", "accelerometer_trusted"], figures=ROWS_PER_SUBJECT)
def machine_learning_pseudonymized() -> Query:
    """Each device reading with each phone reading of the same customer and instant, since the customer's consent."""
    # The join makes both instants equal. Both are compared with the consent all the same, so that no join in between
    # holds a reading that the consent rules out.
    return Query("""
        WITH latest AS (
            SELECT customer.email, max(coalesce(customer.lastUpdateDate, 0)) AS updatedAt
            FROM customer_landing AS customer
            GROUP BY customer.email
        ),
        consenting AS (
            SELECT customer.email, max(customer.shareWithResearchAsOfDate) AS consentedAt
            FROM customer_landing AS customer
            INNER JOIN latest
                ON latest.email = customer.email AND latest.updatedAt = coalesce(customer.lastUpdateDate, 0)
            GROUP BY customer.email
            HAVING sum(CASE WHEN coalesce(customer.shareWithResearchAsOfDate, 0) = 0 THEN 1 ELSE 0 END) = 0
        ),
        participant AS (
            SELECT consenting.email, consenting.consentedAt, pseudonym(consenting.email) AS subject
            FROM consenting
        ),
        owned AS (
            SELECT customer.serialNumber, max(customer.email) AS email
            FROM customer_landing AS customer
            GROUP BY customer.serialNumber
            HAVING count(DISTINCT customer.email) = 1 AND NOT shared_with_erased(customer.serialNumber)
        )
        SELECT
            participant.subject,
            device.sensorReadingTime,
            device.distanceFromObject,
            phone.x,
            phone.y,
            phone.z
        FROM step_trainer_trusted AS device
        INNER JOIN owned ON owned.serialNumber = device.serialNumber
        INNER JOIN participant ON participant.email = owned.email
        INNER JOIN accelerometer_trusted AS phone
            ON phone.user = participant.email AND phone.timestamp = device.sensorReadingTime
        WHERE device.sensorReadingTime >= participant.consentedAt AND phone.timestamp >= participant.consentedAt
    """)
