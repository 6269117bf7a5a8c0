"""The checks that one table alone has."""

from collections.abc import Mapping, Sequence

from stedi_assets.defs.checks.check import none_found, same_rows, some_found
from stedi_assets.defs.checks.consent import CONSENTING_CUSTOMERS
from stedi_assets.defs.checks.training import TRAINING_CHECKS
from stedi_assets.lakehouse.check import Check

PHONE_READINGS = "SELECT reading.user, count(*) AS readings FROM accelerometer_landing AS reading GROUP BY reading.user"

SPECIFIC_CHECKS: Mapping[str, Sequence[Check]] = {
    "customer_landing": (
        some_found(
            "has_blank_consents",
            "Some customers have not consented to research. If all have, ask whether the source leaves some out.",
            """
            SELECT count(*) AS customers_with_a_blank_consent FROM customer_landing
            WHERE coalesce(shareWithResearchAsOfDate, 0) = 0
            """,
        ),
        none_found(
            "has_no_shared_device",
            "Each serial number belongs to one customer. Nobody knows whose the readings of a shared device are: ask "
            "the source to correct the records.",
            """
            SELECT count(*) AS shared_serial_numbers FROM (
                SELECT serialNumber FROM customer_landing GROUP BY serialNumber HAVING count(DISTINCT email) > 1
            ) AS shared
            """,
            blocking=False,
        ),
    ),
    "customer_trusted": (
        none_found(
            "has_no_blank_consent",
            "Every customer consented to research. Correct the SELECT and materialize again before anyone reads it.",
            """
            SELECT count(*) AS customers_with_a_blank_consent FROM customer_trusted
            WHERE coalesce(shareWithResearchAsOfDate, 0) = 0
            """,
        ),
        same_rows(
            "customer_trusted",
            "email",
            f"""
            SELECT consenting.email AS group_key, sum(consenting.records) AS group_rows
            FROM ({CONSENTING_CUSTOMERS}) AS consenting GROUP BY consenting.email
            """,
        ),
    ),
    "accelerometer_trusted": (
        same_rows(
            "accelerometer_trusted",
            "user",
            f"""
            SELECT phone.user AS group_key, phone.readings AS group_rows FROM ({PHONE_READINGS}) AS phone
            INNER JOIN (
                SELECT consenting.email FROM ({CONSENTING_CUSTOMERS}) AS consenting
                GROUP BY consenting.email
            ) AS owner ON owner.email = phone.user
            """,
            by_instant=["accelerometer_trusted", "accelerometer_landing"],
        ),
    ),
    "customer_curated": (
        same_rows(
            "customer_curated",
            "email",
            f"""
            SELECT consenting.email AS group_key, sum(consenting.records) AS group_rows
            FROM ({CONSENTING_CUSTOMERS}) AS consenting
            INNER JOIN ({PHONE_READINGS}) AS phone ON phone.user = consenting.email
            GROUP BY consenting.email
            """,
        ),
    ),
    "step_trainer_trusted": (
        same_rows(
            "step_trainer_trusted",
            "serialNumber",
            f"""
            SELECT device.serialNumber AS group_key, device.readings AS group_rows FROM (
                SELECT reading.serialNumber, count(*) AS readings
                FROM step_trainer_landing AS reading GROUP BY reading.serialNumber
            ) AS device
            INNER JOIN (
                SELECT consenting.serialNumber FROM ({CONSENTING_CUSTOMERS}) AS consenting
                INNER JOIN (SELECT DISTINCT customer.email FROM customer_curated AS customer) AS curated
                    ON curated.email = consenting.email
                GROUP BY consenting.serialNumber
            ) AS owner ON owner.serialNumber = device.serialNumber
            """,
            # Whether a customer has phone readings is not a matter of an instant. The check of customer_curated counts
            # them.
            by_instant=["step_trainer_trusted", "step_trainer_landing"],
            # A refusal under one serial number withdraws the consent that the same email gave under another.
            follows_customers=False,
        ),
    ),
    **TRAINING_CHECKS,
}
