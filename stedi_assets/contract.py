"""The data contract: every source and every table once, as data.

Dagster's column schemas, the DDL, the landing reader, the checks, erasures and the documentation come from here. A new
source is an entry in `SOURCES`. A new table is an entry in `TABLES` and one function in `stedi_assets/defs/assets`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

ColumnType = str
"""The type of a column, in a spelling of SQL's: one of `SIMPLE_TYPES`, or a decimal such as DECIMAL(10,2).

| type | values | the landing reader takes |
| --- | --- | --- |
| VARCHAR | text | strings; the text of numbers |
| BOOLEAN | true and false | `true` and `false`, also as a string in any case |
| INTEGER, BIGINT | whole numbers of 32 and 64 bits | whole numbers, however they are written |
| FLOAT, DOUBLE | numbers of 32 and 64 bits | the nearest one; an integer only if the type represents it exactly |
| DECIMAL(p,s) | up to 38 digits (p), s of them after the point | numbers that need no more digits after the point |
| DATE | days from 0001-01-01 to 9999-12-31 | strings such as "2024-03-05" |
| TIMESTAMP | instants, in microseconds, in the same years | strings such as "2024-03-05T10:15:00.250+01:00" |

A string may hold a number. A record with any other value goes to the quarantine: nothing is rounded, cut or guessed,
except that a fraction becomes the nearest FLOAT or DOUBLE. `stedi_assets/salvage/README.md` has the rules in full, with
examples.

A TIMESTAMP is Delta's `timestamp`: an instant, stored as microseconds since 1970 UTC. Delta's `timestamp_ntz`, a time
without a zone, would need reader version 3. So a text needs Z or an offset, and DuckDB calls such a column TIMESTAMP
WITH TIME ZONE. Both engines compute in UTC.
"""

SIMPLE_TYPES = ("VARCHAR", "BOOLEAN", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DATE", "TIMESTAMP")

DECIMAL = re.compile(r"DECIMAL\(([1-9][0-9]?),(0|[1-9][0-9]?)\)")

MOST_DIGITS = 38
"""The most digits of a decimal that Delta, DuckDB, Spark and Athena store."""

DELTA_TYPES: Mapping[ColumnType, str] = {"VARCHAR": "string", "BIGINT": "long"}
"""From each type of the contract that Delta calls by another name to this name."""

Zone = Literal["landing", "trusted", "curated"]


def _is_decimal(kind: str) -> bool:
    found = DECIMAL.fullmatch(kind)
    return found is not None and int(found[2]) <= int(found[1]) <= MOST_DIGITS


@dataclass(frozen=True)
class Identifier:
    """A kind of value by which records say which customer they are about.

    Attributes:
        name: The kind in words, in the singular and in lower case.
    """

    name: str


EMAIL = Identifier("email")
"""The address by which a customer is known and asks for an erasure. Its case does not matter. The values of any other
identifier are compared as they are, and several customers may share one."""


@dataclass(frozen=True)
class Column:
    """One column of a source or table.

    Attributes:
        name: The column's name and the JSON key of its values. The landing reader ignores the case of a key.
        type: The SQL type: see `ColumnType`.
        description: The meaning of a value, with its unit.
        required: Whether a record without a value goes to the quarantine.
        personal: Whether a value identifies a person. No message, preview or statistic shows such a value.
        identifies: By what the column says which customer a record is about, if it does. The reader and an erasure find
            a customer's records by it.
    """

    name: str
    type: ColumnType
    description: str
    required: bool = False
    personal: bool = False
    identifies: Identifier | None = None

    def __post_init__(self) -> None:
        """Refuses a type that the contract does not have.

        Raises:
            ValueError: The type is neither one of `SIMPLE_TYPES` nor a decimal.
        """
        if self.type not in SIMPLE_TYPES and not _is_decimal(self.type):
            raise ValueError(
                f"The column {self.name} has the type {self.type}. A type is {', '.join(SIMPLE_TYPES)}, or "
                f"DECIMAL(p,s) with 1 to {MOST_DIGITS} digits, of which s are after the point."
            )

    @property
    def delta_type(self) -> str:
        """Delta's name of the type."""
        return DELTA_TYPES.get(self.type, self.type.lower())

    @property
    def names_customer(self) -> bool:
        """Whether this column identifies the customer. The reader finds the records of erased customers by it."""
        return self.identifies is not None


@dataclass(frozen=True)
class Table:
    """One table of the lakehouse.

    Attributes:
        name: The name of the asset and of the table in SQL.
        zone: The part of the lakehouse that holds the table.
        path: The folder of the table, below the lakehouse root.
        description: The rows, and the rule that selects them.
        columns: In order.
        event_time: The BIGINT column with the instant of a reading. The rows at an instant must follow from the rows
            that the inputs have at this instant, and from the customers' records with the readings' identifiers. A run
            may then compute the rows of some instants only. None for a table that is always computed whole.
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


@dataclass(frozen=True)
class Source:
    """One kind of raw JSON record that arrives in the landing zone, with its landing table and its quarantine.

    Attributes:
        subject: The subject of the records. The names of the raw files, the folder and the tables begin with it.
        records: The records in words, in the plural, with a capital letter.
        columns: The keys of a record that the landing table keeps, in its order.
        event_time: The column with the instant of a reading, if the records are readings.
        optional: Whether the folder of the raw files may be missing or empty. The tables then have no rows.
    """

    subject: str
    records: str
    columns: tuple[Column, ...]
    event_time: str | None = None
    optional: bool = False

    @property
    def name(self) -> str:
        """The name of the raw files in a landing query."""
        return f"{self.subject}_files"

    @property
    def path(self) -> str:
        """The folder of the raw files, below the landing root."""
        return f"{self.subject}/landing"

    @property
    def description(self) -> str:
        """The raw files, in a sentence."""
        return f"{self.records}, as JSON."

    @property
    def landing(self) -> str:
        """The name of the table of records."""
        return f"{self.subject}_landing"

    @property
    def quarantine(self) -> str:
        """The name of the table of everything else in the files."""
        return f"{self.subject}_quarantine"

    @property
    def landing_table(self) -> Table:
        """The table of records."""
        description = f"{self.records} as they arrived, typed."
        columns = (*self.columns, SOURCE_FILE)
        return Table(self.landing, "landing", f"{self.subject}/landing", description, columns, self.event_time)

    @property
    def quarantine_table(self) -> Table:
        """The table of everything else in the files."""
        return Table(
            self.quarantine,
            "landing",
            f"{self.subject}/quarantine",
            f"The parts of the {self.subject} landing files that are no rows, with file, offset and reason. Personal "
            "data.",
            QUARANTINE_COLUMNS,
        )


def tables_of(sources: Iterable[Source]) -> list[Table]:
    """Returns the landing tables of sources, and then their quarantines."""
    listed = list(sources)
    return [*(source.landing_table for source in listed), *(source.quarantine_table for source in listed)]


def folders_in_words() -> str:
    """Returns the folders of all sources, below the landing root, as an enumeration."""
    return ", ".join(source.path for source in SOURCES.values())


OTHER_TABLES = "assets"
"""The folder, below the lakehouse root, of the tables of other people's assets."""


def table_path(name: str) -> str:
    """Returns the folder of a table, below the lakehouse root.

    Args:
        name: The name of a table of the contract, or of another asset.
    """
    return TABLES[name].path if name in TABLES else f"{OTHER_TABLES}/{name}"


def column_descriptions(name: str) -> Mapping[str, str]:
    """Returns the descriptions of a table's columns, by the column's name; none for a table of other people's."""
    return {column.name: column.description for column in TABLES[name].columns} if name in TABLES else {}


RETENTION_DAYS = 7
"""Days for which an old version of a table stays readable, and withdrawn rows stay on disk."""

# The domain begins here: docs/your-own.md replaces everything below.

DEVICE = Identifier("serial number")
"""The number of a customer's Step Trainer, which leads from a customer's record to the readings of the device."""

SERIAL_NUMBER = Column(
    "serialNumber",
    "VARCHAR",
    "Serial number of the Step Trainer.",
    required=True,
    personal=True,
    identifies=DEVICE,
)
USER = Column("user", "VARCHAR", "Email address of the phone's owner.", required=True, personal=True, identifies=EMAIL)
SENSOR_READING_TIME = Column(
    "sensorReadingTime", "BIGINT", "Instant of the device reading, milliseconds since 1970 UTC.", required=True
)
DISTANCE_FROM_OBJECT = Column(
    "distanceFromObject", "BIGINT", "Distance from the device to the object in front of it, in the device's unit."
)
TIMESTAMP = Column("timestamp", "BIGINT", "Instant of the phone reading, milliseconds since 1970 UTC.", required=True)
ACCELERATION = (
    Column("x", "DOUBLE", "Acceleration along the phone's x axis, in the phone's unit."),
    Column("y", "DOUBLE", "Acceleration along the phone's y axis, in the phone's unit."),
    Column("z", "DOUBLE", "Acceleration along the phone's z axis, in the phone's unit."),
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
    Column(
        "email",
        "VARCHAR",
        "Email address, by which a customer is known.",
        required=True,
        personal=True,
        identifies=EMAIL,
    ),
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
ACCELEROMETER_COLUMNS = (USER, TIMESTAMP, *ACCELERATION)
STEP_TRAINER_COLUMNS = (SENSOR_READING_TIME, SERIAL_NUMBER, DISTANCE_FROM_OBJECT)

SOURCES = {
    source.name: source
    for source in (
        Source("customer", "Customer records", CUSTOMER_COLUMNS),
        Source("accelerometer", "Phone accelerometer readings", ACCELEROMETER_COLUMNS, TIMESTAMP.name),
        Source("step_trainer", "Step Trainer device readings", STEP_TRAINER_COLUMNS, SENSOR_READING_TIME.name),
    )
}

CUSTOMERS = SOURCES["customer_files"]
"""The source that knows the customers. Each of its records has the email and the other identifiers of a customer, and
so tells an erasure which records of the other sources are this customer's."""

TABLES = {
    table.name: table
    for table in (
        *tables_of(SOURCES.values()),
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
