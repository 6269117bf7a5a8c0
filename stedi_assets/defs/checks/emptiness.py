"""The warning that a training table is empty, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stedi_assets.defs.checks.check import counts, row_count
from stedi_assets.defs.checks.consent import CONSENTS
from stedi_assets.lakehouse.check import Check, Findings

if TYPE_CHECKING:
    from stedi_assets.lakehouse.lakehouse import Lakehouse

CURATED_WAY = """
    SELECT
        (SELECT count(*) FROM customer_trusted) AS customers_who_consent,
        (SELECT count(*) FROM accelerometer_trusted) AS phone_readings,
        (SELECT count(*) FROM step_trainer_trusted) AS device_readings,
        (
            SELECT count(*) FROM step_trainer_trusted AS device
            INNER JOIN accelerometer_trusted AS phone ON phone.timestamp = device.sensorReadingTime
        ) AS pairs_of_one_instant
"""
"""The counts after each step that leads to the curated table."""

PSEUDONYMIZED_WAY = f"""
    WITH consent AS ({CONSENTS}),
    carrier AS (
        SELECT customer.email, customer.serialNumber, owner.customers
        FROM customer_landing AS customer
        INNER JOIN (
            SELECT record.serialNumber, count(DISTINCT record.email) AS customers
            FROM customer_landing AS record
            GROUP BY record.serialNumber
        ) AS owner ON owner.serialNumber = customer.serialNumber
        GROUP BY customer.email, customer.serialNumber, owner.customers
    ),
    device AS (
        SELECT carrier.email, carrier.customers, reading.sensorReadingTime AS instant
        FROM step_trainer_landing AS reading
        INNER JOIN carrier ON carrier.serialNumber = reading.serialNumber
        INNER JOIN consent ON consent.email = carrier.email
    ),
    phone AS (
        SELECT reading.user AS email, reading.timestamp AS instant, consent.consentedAt
        FROM accelerometer_landing AS reading
        INNER JOIN consent ON consent.email = reading.user
    ),
    pair AS (
        SELECT phone.instant, phone.consentedAt
        FROM device
        INNER JOIN phone ON phone.email = device.email AND phone.instant = device.instant
        WHERE device.customers = 1
    )
    SELECT
        (SELECT count(*) FROM consent) AS customers_who_consent,
        (SELECT count(*) FROM phone) AS phone_readings,
        (SELECT count(*) FROM device) AS device_readings,
        (SELECT count(*) FROM device WHERE device.customers = 1) AS device_readings_of_one_customer,
        (SELECT count(*) FROM pair) AS pairs_of_one_instant,
        (SELECT count(*) FROM pair WHERE pair.instant >= pair.consentedAt) AS pairs_since_consent
"""
"""The counts after each step that leads to the pseudonymized table."""

WHY_EMPTY = {
    "customers_who_consent": "no customer consents to research",
    "phone_readings": "the customers who consent have no phone readings",
    "device_readings": "the customers who consent have no device readings",
    "device_readings_of_one_customer": "every serial number that has readings is shared by several customers",
    "pairs_of_one_instant": "device readings and phone readings have no instant in common",
    "pairs_since_consent": "every pair of readings is from before its customer's consent",
}
"""From a step with the count 0 to the reason why the table is empty."""

NOT_UP_TO_DATE = "the tables upstream have changed since the table was built"


def has_rows(table: str, way: str) -> Check:
    """Makes the warning that a table is empty, with the reason.

    Args:
        table: The table's name.
        way: A SELECT of one row of counts, which are keys of `WHY_EMPTY`, in the order of the steps.
    """

    def find(lakehouse: Lakehouse) -> Findings:
        rows = {"row_count": row_count(lakehouse, table)}
        if rows["row_count"]:
            return rows
        left = counts(way)(lakehouse)
        reasons = (WHY_EMPTY[step] for step, count in left.items() if not count)
        return {**rows, **left, "reason": next(reasons, NOT_UP_TO_DATE)}

    return Check(
        "has_rows_to_train_with",
        "Has at least one row. Nobody can train with this version: land the files that the reason says are missing, "
        "and materialize again.",
        False,
        find,
        lambda findings: bool(findings["row_count"]),
    )
