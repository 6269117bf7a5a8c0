"""The checks of the training tables: whose readings a row holds, and whether it identifies a customer."""

from collections.abc import Mapping, Sequence

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.defs.checks.check import CONSENTING_CUSTOMERS, counts, none_found, nothing
from stedi_assets.lakehouse.check import Check, Findings
from stedi_assets.lakehouse.lakehouse import Lakehouse

CURATED = "machine_learning_curated"
PSEUDONYMIZED = "machine_learning_pseudonymized"

NUMBER_TYPES = {"byte", "short", "integer", "long", "float", "double"}
"""Delta's names for the types of numbers."""

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
        rows = counts(f"SELECT count(*) AS row_count FROM {table}")(lakehouse)
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


def no_naming_column(table: str) -> Check:
    """Makes the check that a table has no column with names, emails or telephone numbers."""
    naming = {column.name.lower() for source in SOURCES.values() for column in source.columns if column.personal}
    naming.discard("serialnumber")

    def find(lakehouse: Lakehouse) -> Findings:
        return {"columns_found": ", ".join(name for name in lakehouse.columns(table) if name.lower() in naming)}

    return Check(
        "has_no_column_that_names_a_person",
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
    personal = " UNION ".join(
        f"SELECT customer.{name} AS content FROM {named} AS customer" for name in TABLES[named].personal_columns
    )

    def find(lakehouse: Lakehouse) -> Findings:
        found = ", ".join(
            f"""(
                SELECT count(*) FROM {table} AS stored
                WHERE CAST(stored.{name} AS {kind}) IN (SELECT TRY_CAST(personal.content AS {kind}) FROM personal)
            ) AS personal_values_in_{name}"""
            for name, kind in _comparable(lakehouse.columns(table)).items()
        )
        return counts(f"WITH personal AS ({personal}) SELECT {found}")(lakehouse)

    return Check(
        "has_no_value_that_names_a_customer",
        f"No column has a value of {', '.join(TABLES[named].personal_columns)} of any customer. Take the column out of "
        "the SELECT. If a reading equals such a text by chance, ask the source to correct the customer's record.",
        True,
        find,
        nothing,
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

    return Check(name, description, True, find, nothing)


TRAINING_CHECKS: Mapping[str, Sequence[Check]] = {
    CURATED: (
        has_rows(CURATED, CURATED_WAY),
        Check(
            "has_the_rows_computed_another_way",
            "For each sensorReadingTime, the number of rows equals a count of the tables upstream. Materialize them "
            "and this table again.",
            True,
            counts(PAIRS, "groups_with_too_many_rows", "groups_with_too_few_rows"),
            nothing,
        ),
        no_naming_column(CURATED),
        none_found(
            "has_no_pair_of_different_customers",
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
        ),
        Check(
            "has_no_row_before_consent",
            "No row has a phone reading from before its customer's consent to research. The course's tables have "
            f"readings of any time. Train with {PSEUDONYMIZED}, which has none.",
            False,
            counts(PAIRS, "rows_before_consent"),
            nothing,
        ),
        none_found(
            "has_no_serial_number_that_names_a_customer",
            "No row has a serial number that customer_landing assigns to a customer. The course's columns include it. "
            f"Train with {PSEUDONYMIZED}, which has a pseudonym instead.",
            """
            SELECT count(*) AS rows_that_name_a_customer FROM machine_learning_curated AS stored
            WHERE stored.serialNumber IN (SELECT customer.serialNumber FROM customer_landing AS customer)
            """,
            blocking=False,
        ),
    ),
    PSEUDONYMIZED: (
        has_rows(PSEUDONYMIZED, PSEUDONYMIZED_WAY),
        none_found(
            "has_the_rows_computed_another_way",
            "For each combination of readings, the number of rows equals a count of the landing tables. Materialize "
            "them and every table downstream again.",
            COMPARED_ROWS,
        ),
        _kept_rule(
            "has_no_row_before_consent",
            "Every row is from the time of its customer's consent to research or later. Nobody may train with this "
            "version: correct the SELECT and materialize again.",
            "rows_before_consent",
        ),
        _kept_rule(
            "has_no_pair_of_different_customers",
            "The device and the phone of every row are the same customer's. Nobody may train with this version: "
            "correct the SELECT and materialize again.",
            "pairs_of_different_customers",
        ),
        _kept_rule(
            "has_no_row_of_an_ambiguous_serial_number",
            "No row has a device reading with a serial number that several customers share. Nobody may train with this "
            "version: correct the SELECT and materialize again.",
            "rows_of_an_ambiguous_serial_number",
        ),
        no_personal_value(PSEUDONYMIZED, "customer_landing"),
        Check(
            "has_no_more_subjects_than_customers_who_consent",
            "Every subject is a customer who consents. Correct the SELECT, so that a customer has one pseudonym.",
            True,
            counts(
                f"""
                SELECT stored.subjects, consenting.customers AS customers_who_consent
                FROM (SELECT count(DISTINCT subject) AS subjects FROM {PSEUDONYMIZED}) AS stored
                CROSS JOIN (SELECT count(*) AS customers FROM ({CONSENTS}) AS consent) AS consenting
                """
            ),
            lambda findings: int(findings["subjects"]) <= int(findings["customers_who_consent"]),
        ),
    ),
}
