"""The checks of the training tables: whose readings a row holds, and whether it identifies a customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.defs.checks.check import counts, none_found, nothing
from stedi_assets.defs.checks.consent import CONSENTING_CUSTOMERS, CONSENTS
from stedi_assets.defs.checks.emptiness import CURATED_WAY, PSEUDONYMIZED_WAY, has_rows
from stedi_assets.lakehouse.check import Check, Findings

if TYPE_CHECKING:
    from stedi_assets.lakehouse.lakehouse import Lakehouse

CURATED = "machine_learning_curated"
PSEUDONYMIZED = "machine_learning_pseudonymized"

PAIRED = (CURATED, "step_trainer_trusted", "accelerometer_trusted")
"""The readings that the rows of the curated table pair."""

LANDED = (PSEUDONYMIZED, "step_trainer_landing", "accelerometer_landing")
"""The readings from which the checks of the pseudonymized table compute its rows again."""

NUMBER_TYPES = {"byte", "short", "integer", "long", "float", "double"}
"""Delta's names for the types of numbers."""

PAIRS = f"""
    WITH instant AS (
        SELECT
            count(part.stored) AS stored, count(part.device) AS devices, count(part.phone) AS phones,
            count(part.consented) AS consented
        FROM (
            SELECT
                stored.sensorReadingTime AS instant, 1 AS stored, NULL AS device, NULL AS phone, NULL AS consented
            FROM {CURATED} AS stored
            UNION ALL
            SELECT reading.sensorReadingTime, NULL, 1, NULL, NULL FROM step_trainer_trusted AS reading
            WHERE reading.sensorReadingTime IS NOT NULL
            UNION ALL
            SELECT
                reading.timestamp, NULL, NULL, 1, CASE WHEN reading.timestamp >= consent.consentedAt THEN 1 END
            FROM accelerometer_trusted AS reading
            LEFT JOIN ({CONSENTS}) AS consent ON consent.email = reading.user
        ) AS part
        GROUP BY part.instant
    )
    SELECT
        coalesce(sum(CASE WHEN instant.stored > instant.devices * instant.phones THEN 1 END), 0)
            AS groups_with_too_many_rows,
        coalesce(sum(CASE WHEN instant.stored < instant.devices * instant.phones THEN 1 END), 0)
            AS groups_with_too_few_rows,
        coalesce(sum(instant.stored - instant.devices * instant.consented), 0) AS rows_before_consent
    FROM instant
"""
"""The instants at which the curated table's rows differ from device readings times phone readings, and the rows with
phone readings from before the consent. A join drops a null instant and a grouping does not: the query leaves out device
readings without an instant."""

COMPARED_ROWS = f"""
    WITH consent AS ({CONSENTS}),
    owner AS (
        SELECT carrier.serialNumber, consent.email, consent.consentedAt
        FROM ({CONSENTING_CUSTOMERS}) AS carrier
        INNER JOIN consent ON consent.email = carrier.email
        WHERE carrier.serialNumber NOT IN (
            SELECT customer.serialNumber FROM customer_landing AS customer
            GROUP BY customer.serialNumber
            HAVING count(DISTINCT customer.email) > 1 OR shared_with_erased(customer.serialNumber)
        )
    ),
    device AS (
        SELECT
            owner.email, reading.sensorReadingTime AS instant, reading.distanceFromObject AS distance,
            count(*) AS readings
        FROM step_trainer_landing AS reading
        INNER JOIN owner ON owner.serialNumber = reading.serialNumber
        WHERE reading.sensorReadingTime >= owner.consentedAt
        GROUP BY owner.email, reading.sensorReadingTime, reading.distanceFromObject
    ),
    phone AS (
        SELECT reading.user AS email, reading.timestamp AS instant, reading.x, reading.y, reading.z
        FROM accelerometer_landing AS reading
        INNER JOIN consent ON consent.email = reading.user
        WHERE reading.timestamp >= consent.consentedAt
    ),
    compared AS (
        SELECT count(part.stored) AS stored, coalesce(sum(part.allowed), 0) AS allowed
        FROM (
            SELECT
                stored.sensorReadingTime AS instant, stored.distanceFromObject AS distance,
                stored.x, stored.y, stored.z,
                1 AS stored, NULL AS allowed
            FROM {PSEUDONYMIZED} AS stored
            UNION ALL
            SELECT device.instant, device.distance, phone.x, phone.y, phone.z, NULL, device.readings
            FROM device
            INNER JOIN phone ON phone.email = device.email AND phone.instant = device.instant
        ) AS part
        GROUP BY part.instant, part.distance, part.x, part.y, part.z
    )
    SELECT
        coalesce(sum(CASE WHEN compared.stored > compared.allowed THEN 1 END), 0) AS groups_with_too_many_rows,
        coalesce(sum(CASE WHEN compared.stored < compared.allowed THEN 1 END), 0) AS groups_with_too_few_rows
    FROM compared
"""
"""The combinations of readings that the pseudonymized table has more or less often than all rules allow. A group is the
rows of one combination: a grouping compares nulls as equal, and a join does not."""

TRACED_ROWS = f"""
    WITH device AS (
        SELECT
            reading.serialNumber, reading.sensorReadingTime AS instant, reading.distanceFromObject AS distance,
            count(*) AS readings
        FROM step_trainer_landing AS reading
        GROUP BY reading.serialNumber, reading.sensorReadingTime, reading.distanceFromObject
    ),
    phone AS (
        SELECT
            reading.user AS email, reading.timestamp AS instant, reading.x, reading.y, reading.z,
            count(*) AS readings
        FROM accelerometer_landing AS reading
        GROUP BY reading.user, reading.timestamp, reading.x, reading.y, reading.z
    ),
    named AS (
        SELECT
            customer.serialNumber,
            CASE WHEN shared_with_erased(customer.serialNumber) THEN 2 ELSE count(DISTINCT customer.email) END
                AS customers
        FROM customer_landing AS customer
        GROUP BY customer.serialNumber
    ),
    pair AS (
        SELECT
            phone.instant, device.distance, phone.x, phone.y, phone.z,
            device.readings * phone.readings AS pairs,
            CASE WHEN phone.instant >= consent.consentedAt THEN 1 ELSE 0 END AS is_consented,
            CASE WHEN carrier.email IS NULL THEN 0 ELSE 1 END AS is_own,
            CASE WHEN named.customers = 1 THEN 1 ELSE 0 END AS is_known
        FROM device
        INNER JOIN phone ON phone.instant = device.instant
        LEFT JOIN ({CONSENTS}) AS consent ON consent.email = phone.email
        LEFT JOIN named ON named.serialNumber = device.serialNumber
        LEFT JOIN (SELECT DISTINCT customer.email, customer.serialNumber FROM customer_landing AS customer) AS carrier
            ON carrier.serialNumber = device.serialNumber AND carrier.email = phone.email
    ),
    traced AS (
        SELECT
            least(sum(part.stored), sum(part.possible)) AS found,
            sum(part.consented) AS consented,
            sum(part.own) AS own,
            sum(part.known) AS known
        FROM (
            SELECT
                stored.sensorReadingTime AS instant, stored.distanceFromObject AS distance,
                stored.x, stored.y, stored.z,
                1 AS stored, 0 AS possible, 0 AS consented, 0 AS own, 0 AS known
            FROM {PSEUDONYMIZED} AS stored
            UNION ALL
            SELECT
                pair.instant, pair.distance, pair.x, pair.y, pair.z,
                0, pair.pairs, pair.pairs * pair.is_consented, pair.pairs * pair.is_own, pair.pairs * pair.is_known
            FROM pair
        ) AS part
        GROUP BY part.instant, part.distance, part.x, part.y, part.z
    )
    SELECT
        coalesce(sum(greatest(traced.found - traced.consented, 0)), 0) AS rows_before_consent,
        coalesce(sum(greatest(traced.found - traced.own, 0)), 0) AS pairs_of_different_customers,
        coalesce(sum(greatest(traced.found - traced.known, 0)), 0) AS rows_of_an_ambiguous_serial_number
    FROM traced
"""
"""The rows of the pseudonymized table that break a rule, at the least. A row can come from any pair of a device reading
and a phone reading of the same instant. A combination with more rows than pairs that keep the rule breaks it by the
difference."""

SUBJECTS = f"""
    SELECT stored.subjects, consenting.customers AS customers_who_consent
    FROM (SELECT count(DISTINCT subject) AS subjects FROM {PSEUDONYMIZED}) AS stored
    CROSS JOIN (SELECT count(*) AS customers FROM ({CONSENTS}) AS consent) AS consenting
"""
"""The number of pseudonyms, and of customers who consent."""


def no_naming_column(table: str) -> Check:
    """Makes the check that a table has no column with names, emails or telephone numbers."""
    naming = {column.name.lower() for source in SOURCES.values() for column in source.columns if column.personal}
    naming.discard("serialnumber")

    def find(lakehouse: Lakehouse) -> Findings:
        return {"columns_found": ", ".join(name for name in lakehouse.columns(table) if name.lower() in naming)}

    return Check(
        "has_no_naming_column",
        f"Has none of the columns {', '.join(sorted(naming))}. Take such a column out of the SELECT.",
        True,
        find,
        nothing,
    )


def no_personal_value(table: str, named: str) -> Check:
    """Makes the check that no value of a personal column of one table is in any column of another.

    Args:
        table: The table without personal values.
        named: The table with the personal columns.
    """
    personal = " UNION ALL ".join(
        f"SELECT customer.{name} AS value FROM {named} AS customer" for name in TABLES[named].personal_columns
    )
    personal_string = f"personal_string AS ({personal})"
    # Few texts are numbers: those are compared with the columns of numbers, each of which would else read all texts.
    number = "TRY_CAST(value AS DOUBLE)"
    personal_double = (
        f"personal_double AS (SELECT DISTINCT {number} AS value FROM personal_string WHERE {number} IS NOT NULL)"
    )
    tables = f"SELECT 1 FROM {table} CROSS JOIN {named}"

    def find(lakehouse: Lakehouse) -> Findings:
        found = ", ".join(
            f"""(
                SELECT count(*) FROM {table} AS stored
                WHERE CAST(stored.{name} AS {kind}) IN (SELECT value FROM personal_{kind.lower()})
            ) AS personal_values_in_{name}"""
            for name, kind in _comparable(lakehouse.columns(table)).items()
        )
        return counts(f"WITH {personal_string}, {personal_double} SELECT {found}")(lakehouse)

    return Check(
        "has_no_personal_value",
        f"No column has a value of {', '.join(TABLES[named].personal_columns)} of any customer. Take the column out of "
        "the SELECT. If a reading equals such a text by chance, ask the source to correct the customer's record.",
        True,
        find,
        nothing,
        [personal, tables],
        [table],
        follows_customers=False,
    )


def _comparable(columns: Mapping[str, str]) -> dict[str, str]:
    """From a column's name to the type as which its values are compared with texts."""
    return {
        name: "DOUBLE" if kind in NUMBER_TYPES or kind.startswith("decimal") else "STRING"
        for name, kind in columns.items()
    }


def _kept_rule(name: str, description: str, finding: str) -> Check:
    def find(lakehouse: Lakehouse) -> Findings:
        (compared,) = lakehouse.rows(COMPARED_ROWS)
        # Tracing takes most of the time. Without surplus rows there is nothing to trace.
        is_traced = compared["groups_with_too_many_rows"] > 0
        return counts(TRACED_ROWS, finding)(lakehouse) if is_traced else {finding: 0}

    return Check(name, description, True, find, nothing, [COMPARED_ROWS, TRACED_ROWS], LANDED)


TRAINING_CHECKS: Mapping[str, Sequence[Check]] = {
    CURATED: (
        has_rows(CURATED, CURATED_WAY),
        Check(
            "has_recomputed_rows",
            "For each sensorReadingTime, the number of rows equals a count of the tables upstream. Materialize them "
            "and this table again.",
            True,
            counts(PAIRS, "groups_with_too_many_rows", "groups_with_too_few_rows"),
            nothing,
            [PAIRS],
            PAIRED,
        ),
        no_naming_column(CURATED),
        none_found(
            "has_no_mixed_customers",
            "No row pairs one customer's device with another customer's phone. A join by instant alone makes such "
            f"pairs, and nobody knows whose steps they are. Train with {PSEUDONYMIZED}, which has none.",
            """
            SELECT stored.pairs - own.pairs AS pairs_of_different_customers
            FROM (SELECT count(*) AS pairs FROM machine_learning_curated) AS stored
            CROSS JOIN (
                SELECT count(*) AS pairs
                FROM step_trainer_trusted AS device
                INNER JOIN accelerometer_trusted AS phone ON phone.timestamp = device.sensorReadingTime
                INNER JOIN (SELECT DISTINCT email, serialNumber FROM customer_curated) AS owner
                    ON owner.serialNumber = device.serialNumber AND owner.email = phone.user
            ) AS own
            """,
            blocking=False,
            by_instant=PAIRED,
        ),
        Check(
            "has_no_unconsented_row",
            "No row has a phone reading from before its customer's consent to research. The course's tables have "
            f"readings of any time. Train with {PSEUDONYMIZED}, which has none.",
            False,
            counts(PAIRS, "rows_before_consent"),
            nothing,
            [PAIRS],
            PAIRED,
        ),
        none_found(
            "has_no_serial_number",
            "No row has a serial number that customer_landing assigns to a customer. The course's columns include it. "
            f"Train with {PSEUDONYMIZED}, which has a pseudonym instead.",
            """
            SELECT count(*) AS rows_that_name_a_customer FROM machine_learning_curated AS stored
            WHERE stored.serialNumber IN (SELECT customer.serialNumber FROM customer_landing AS customer)
            """,
            blocking=False,
            by_instant=[CURATED],
        ),
    ),
    PSEUDONYMIZED: (
        has_rows(PSEUDONYMIZED, PSEUDONYMIZED_WAY),
        none_found(
            "has_recomputed_rows",
            "For each combination of readings, the number of rows equals a count of the landing tables. Materialize "
            "them and every table downstream again.",
            COMPARED_ROWS,
            by_instant=LANDED,
        ),
        _kept_rule(
            "has_no_unconsented_row",
            "Every row is from the time of its customer's consent to research or later. Nobody may train with this "
            "version: correct the SELECT and materialize again.",
            "rows_before_consent",
        ),
        _kept_rule(
            "has_no_mixed_customers",
            "The device and the phone of every row are the same customer's. Nobody may train with this version: "
            "correct the SELECT and materialize again.",
            "pairs_of_different_customers",
        ),
        _kept_rule(
            "has_no_shared_device",
            "No row has a device reading with a serial number that several customers share. Nobody may train with this "
            "version: correct the SELECT and materialize again.",
            "rows_of_an_ambiguous_serial_number",
        ),
        no_personal_value(PSEUDONYMIZED, "customer_landing"),
        Check(
            "has_no_extra_subjects",
            "Every subject is a customer who consents. Correct the SELECT, so that a customer has one pseudonym.",
            True,
            counts(SUBJECTS),
            lambda findings: int(findings["subjects"]) <= int(findings["customers_who_consent"]),
            [SUBJECTS],
        ),
    ),
}
