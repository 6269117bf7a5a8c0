"""The data contract: every source and every table once, as data.

Dagster's column schemas, the DDL, the landing reader, the checks and the documentation come from here. A new table is
an entry in `TABLES` and one function in `stedi_assets/defs/assets`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["VARCHAR", "BIGINT", "DOUBLE"]
Zone = Literal["landing", "trusted", "curated"]


DELTA_TYPES: Mapping[ColumnType, str] = {"VARCHAR": "string", "BIGINT": "long", "DOUBLE": "double"}
"""From the contract's types to Delta's names for them."""


@dataclass(frozen=True)
class Column:
    """One column of a source or table.

    Attributes:
        name: The column's name and the JSON key of its values. The landing reader ignores the case of a key.
        type: The SQL type, in the spelling that DuckDB, Spark and Athena share.
        description: The meaning of a value, with its unit.
        required: Whether a record without a value goes to the quarantine.
        personal: Whether a value identifies a person. No message, preview or statistic shows such a value.
    """

    name: str
    type: ColumnType
    description: str
    required: bool = False
    personal: bool = False

    @property
    def names_customer(self) -> bool:
        """Whether this column identifies the customer. The reader finds the records of erased customers by it."""
        return self.required and self.personal


@dataclass(frozen=True)
class Source:
    """One kind of raw JSON record that arrives in the landing zone.

    Attributes:
        name: The name of the raw files in a landing query.
        path: The folder of the raw files, below the landing root.
        description: One record, in a sentence.
        columns: The keys of a record that the landing table keeps, in its order.
        landing: The name of the table of records.
        quarantine: The name of the table of everything else in the files.
    """

    name: str
    path: str
    description: str
    columns: tuple[Column, ...]
    landing: str
    quarantine: str


@dataclass(frozen=True)
class Table:
    """One table of the lakehouse.

    Attributes:
        name: The name of the asset and of the table in SQL.
        zone: The part of the lakehouse that holds the table.
        path: The folder of the table, below the lakehouse root.
        description: The rows, and the rule that selects them.
        columns: In order.
        event_time: The column with the instant of a reading. The rows at an instant must follow from the rows that the
            inputs have at this instant, and from the customers' records with the readings' email or serial number. A
            run may then compute the rows of some instants only. None for a table that is always computed whole.
    """

    name: str
    zone: Zone
    path: str
    description: str
    columns: tuple[Column, ...]
    event_time: str | None = None

    @property
    def personal_columns(self) -> tuple[str, ...]:
        """The names of the columns that identify a person."""
        return tuple(column.name for column in self.columns if column.personal)

    @property
    def naming_columns(self) -> tuple[str, ...]:
        """The names of the columns that identify the customer of a row."""
        return tuple(column.name for column in self.columns if column.names_customer)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The names of the columns that hold a value in every row."""
        return tuple(column.name for column in self.columns if column.required)


SERIAL_NUMBER = Column("serialNumber", "VARCHAR", "Serial number of the Step Trainer.", required=True, personal=True)
SENSOR_READING_TIME = Column(
    "sensorReadingTime", "BIGINT", "Instant of the device reading, milliseconds since 1970 UTC.", required=True
)
DISTANCE_FROM_OBJECT = Column("distanceFromObject", "BIGINT", "Distance from the device to the object in front of it.")
TIMESTAMP = Column("timestamp", "BIGINT", "Instant of the phone reading, milliseconds since 1970 UTC.", required=True)
ACCELERATION = (
    Column("x", "DOUBLE", "Acceleration along the phone's x axis."),
    Column("y", "DOUBLE", "Acceleration along the phone's y axis."),
    Column("z", "DOUBLE", "Acceleration along the phone's z axis."),
)

SUBJECT = Column(
    "subject",
    "VARCHAR",
    "Pseudonym of the customer: the HMAC-SHA-256 of the email under STEDI_PSEUDONYM_KEY, in hexadecimal. Without a "
    "key, every build makes new pseudonyms.",
    required=True,
)

CUSTOMER_COLUMNS = (
    Column("customerName", "VARCHAR", "Full name.", personal=True),
    Column("email", "VARCHAR", "Email address, by which a customer is known.", required=True, personal=True),
    Column("phone", "VARCHAR", "Telephone number.", personal=True),
    Column("birthDay", "VARCHAR", "Date of birth, as it arrived.", personal=True),
    SERIAL_NUMBER,
    Column("registrationDate", "BIGINT", "When the customer registered, milliseconds since 1970 UTC."),
    Column("lastUpdateDate", "BIGINT", "When the record last changed, milliseconds since 1970 UTC."),
    Column(
        "shareWithResearchAsOfDate",
        "BIGINT",
        "Start of the consent to share data with research, milliseconds since 1970 UTC; blank without consent.",
    ),
    Column(
        "shareWithPublicAsOfDate",
        "BIGINT",
        "Start of the consent to share data with the public, milliseconds since 1970 UTC; blank without consent.",
    ),
    Column(
        "shareWithFriendsAsOfDate",
        "BIGINT",
        "Start of the consent to share data with friends, milliseconds since 1970 UTC; blank without consent.",
    ),
)
ACCELEROMETER_COLUMNS = (
    Column("user", "VARCHAR", "Email address of the phone's owner.", required=True, personal=True),
    TIMESTAMP,
    *ACCELERATION,
)
STEP_TRAINER_COLUMNS = (SENSOR_READING_TIME, SERIAL_NUMBER, DISTANCE_FROM_OBJECT)

SOURCE_FILE = Column("sourceFile", "VARCHAR", "Name of the raw file that the row came from.", required=True)

QUARANTINE_COLUMNS = (
    SOURCE_FILE,
    Column("byteOffset", "BIGINT", "Offset of the text in the decompressed file, in bytes.", required=True),
    Column("byteLength", "BIGINT", "Length of the whole text, in bytes.", required=True),
    Column("text", "VARCHAR", "The text, up to its first 10,000 characters.", required=True, personal=True),
    Column("reasonCode", "VARCHAR", "Code of the reason, for programs.", required=True),
    Column("columnName", "VARCHAR", "The column that the reason concerns, if any."),
    Column("reason", "VARCHAR", "The reason, as a sentence.", required=True),
    Column("runId", "VARCHAR", "The run that read the file.", required=True),
    Column("quarantinedAt", "BIGINT", "When the file was read, milliseconds since 1970 UTC.", required=True),
)

SOURCES = {
    source.name: source
    for source in (
        Source(
            "customer_files",
            "customer/landing",
            "Customer records, as JSON.",
            CUSTOMER_COLUMNS,
            "customer_landing",
            "customer_quarantine",
        ),
        Source(
            "accelerometer_files",
            "accelerometer/landing",
            "Phone accelerometer readings, as JSON.",
            ACCELEROMETER_COLUMNS,
            "accelerometer_landing",
            "accelerometer_quarantine",
        ),
        Source(
            "step_trainer_files",
            "step_trainer/landing",
            "Step Trainer device readings, as JSON.",
            STEP_TRAINER_COLUMNS,
            "step_trainer_landing",
            "step_trainer_quarantine",
        ),
    )
}


def _quarantine(subject: str) -> Table:
    return Table(
        f"{subject}_quarantine",
        "landing",
        f"{subject}/quarantine",
        f"The parts of the {subject} landing files that are no rows, with file, offset and reason. Personal data.",
        QUARANTINE_COLUMNS,
    )


TABLES = {
    table.name: table
    for table in (
        Table(
            "customer_landing",
            "landing",
            "customer/landing",
            "Every customer record as it arrived, typed.",
            (*CUSTOMER_COLUMNS, SOURCE_FILE),
        ),
        Table(
            "accelerometer_landing",
            "landing",
            "accelerometer/landing",
            "Every phone reading as it arrived, typed.",
            (*ACCELEROMETER_COLUMNS, SOURCE_FILE),
            TIMESTAMP.name,
        ),
        Table(
            "step_trainer_landing",
            "landing",
            "step_trainer/landing",
            "Every device reading as it arrived, typed.",
            (*STEP_TRAINER_COLUMNS, SOURCE_FILE),
            SENSOR_READING_TIME.name,
        ),
        _quarantine("customer"),
        _quarantine("accelerometer"),
        _quarantine("step_trainer"),
        Table(
            "customer_trusted",
            "trusted",
            "customer/trusted",
            "Customers who share their data with research: shareWithResearchAsOfDate is neither null nor 0, and no "
            "record of the same email that is as late or later (lastUpdateDate, null as 0) lacks that consent.",
            CUSTOMER_COLUMNS,
        ),
        Table(
            "accelerometer_trusted",
            "trusted",
            "accelerometer/trusted",
            "Phone readings of customers who share their data with research: user is the email of a row of "
            "customer_trusted.",
            ACCELEROMETER_COLUMNS,
            TIMESTAMP.name,
        ),
        Table(
            "customer_curated",
            "curated",
            "customer/curated",
            "Customers who share their data with research and have phone readings: email is the user of a row of "
            "accelerometer_trusted.",
            CUSTOMER_COLUMNS,
        ),
        Table(
            "step_trainer_trusted",
            "trusted",
            "step_trainer/trusted",
            "Device readings of curated customers: serialNumber is that of a row of customer_curated.",
            STEP_TRAINER_COLUMNS,
            SENSOR_READING_TIME.name,
        ),
        Table(
            "machine_learning_curated",
            "curated",
            "machine_learning/curated",
            "Each trusted device reading with each trusted phone reading of the same instant "
            "(timestamp = sensorReadingTime), of any customers; no user. To train a model, use "
            "machine_learning_pseudonymized. This table follows the course's definition: it pairs devices with "
            "strangers' phones, has readings from before the consent, and identifies a customer by the serial number.",
            (SENSOR_READING_TIME, SERIAL_NUMBER, DISTANCE_FROM_OBJECT, TIMESTAMP, *ACCELERATION),
            SENSOR_READING_TIME.name,
        ),
        Table(
            "machine_learning_pseudonymized",
            "curated",
            "machine_learning/pseudonymized",
            "The table to train a model with: each trusted device reading with each trusted phone reading of the same "
            "customer at the same instant, at or after the customer's consent to research. The customer's latest "
            "record (lastUpdateDate, null as 0) gives the consent; a customer without one has no rows. The table "
            "leaves out serial numbers that records of several customers share. A pseudonym replaces the customer.",
            (SUBJECT, SENSOR_READING_TIME, DISTANCE_FROM_OBJECT, *ACCELERATION),
            SENSOR_READING_TIME.name,
        ),
    )
}

OTHER_TABLES = "assets"
"""The folder, below the lakehouse root, of the tables of other people's assets."""


def table_path(name: str) -> str:
    """Returns the folder of a table, below the lakehouse root.

    Args:
        name: The name of a table of the contract, or of another asset.
    """
    return TABLES[name].path if name in TABLES else f"{OTHER_TABLES}/{name}"


RETENTION_DAYS = 7
"""Days for which an old version of a table stays readable, and withdrawn rows stay on disk."""
