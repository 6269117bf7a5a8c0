"""The questions of the report about the tables, each with a SELECT that returns a few numbers."""

from dataclasses import dataclass

from stedi_assets.contract import SOURCES

ALL_QUARANTINED = "\n    UNION ALL\n    ".join(
    f"SELECT '{source.subject}' AS quarantine, entry.reasonCode FROM {source.quarantine} AS entry"
    for source in SOURCES.values()
)
"""A SELECT of what the quarantines of all sources hold."""


@dataclass(frozen=True)
class Question:
    """A question about the tables.

    Attributes:
        text: The question.
        sql: A SELECT that answers it, without personal values in its result.
    """

    text: str
    sql: str


QUARANTINED = Question(
    "Why is something in quarantine?",
    f"""SELECT found.quarantine, found.reasonCode, count(*) AS row_count
FROM (
    {ALL_QUARANTINED}
) AS found
GROUP BY found.quarantine, found.reasonCode
ORDER BY found.quarantine, found.reasonCode""",
)

# The domain begins here: docs/your-own.md replaces everything below.

CONSENT_TABLES = ("customer_landing", "customer_trusted", "customer_curated")
"""The tables of customers, from the largest to the smallest."""


BLANK_CONSENT = Question(
    "How many customers have a blank consent to research?",
    "\nUNION ALL\n".join(
        f"""SELECT
    '{table}' AS customers_in,
    count(*) AS row_count,
    coalesce(sum(CASE WHEN coalesce(customer.shareWithResearchAsOfDate, 0) = 0 THEN 1 ELSE 0 END), 0) AS blank_consent
FROM {table} AS customer"""
        for table in CONSENT_TABLES
    ),
)

QUESTIONS = (
    BLANK_CONSENT,
    Question(
        "How many of the readings are of customers who consent?",
        """SELECT
    landed.row_count AS phone_readings,
    trusted.row_count AS of_customers_who_consent,
    trusted.users AS customers
FROM (SELECT count(*) AS row_count FROM accelerometer_landing) AS landed
CROSS JOIN (SELECT count(*) AS row_count, count(DISTINCT user) AS users FROM accelerometer_trusted) AS trusted""",
    ),
    Question(
        "How many serial numbers do records of several customers carry?",
        """SELECT
    count(*) AS serial_numbers,
    coalesce(sum(CASE WHEN device.customers > 1 THEN 1 ELSE 0 END), 0) AS shared
FROM (
    SELECT count(DISTINCT customer.email) AS customers FROM customer_landing AS customer GROUP BY customer.serialNumber
) AS device""",
    ),
    Question(
        "How many rows does each subject have to train with?",
        """SELECT
    count(*) AS subjects,
    min(subject.row_count) AS least,
    median(subject.row_count) AS median,
    max(subject.row_count) AS most
FROM (
    SELECT count(*) AS row_count FROM machine_learning_pseudonymized AS stored GROUP BY stored.subject
) AS subject""",
    ),
    QUARANTINED,
)
