"""The certificate of an erasure: what it removed, and what it could not verify."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stedi_assets.contract import TABLES
from stedi_assets.privacy.tombstones import OTHER_IDENTIFIERS


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


NAMING_COLUMNS = tuple(dict.fromkeys(name for table in TABLES.values() for name in table.naming_columns))

RULE = (
    f"A record names the customer if its {_either(NAMING_COLUMNS)} is the customer's. Other text does if it contains, "
    "as a separate word, their email"
    + "".join(f" or a {identifier.name} of six or more characters with a digit" for identifier in OTHER_IDENTIFIERS)
    + "."
)

SHARED = " and ".join(f"{identifier.name}s" for identifier in OTHER_IDENTIFIERS).capitalize() or "Identifiers"

NAMED_FILES = 20
"""The greatest number of archived files that the text of a certificate names."""


@dataclass
class Certificate:
    """What an erasure did.

    Attributes:
        customer: The keyed hash of the email.
        requested_by: Who asked for the erasure.
        begun: When the erasure began, in UTC, in ISO 8601.
        records_by_file: From the path of a raw file to the number of records removed from it.
        rows_by_table: From a table to the number of rows that it lost.
        files_deleted: How many files of old table versions were deleted.
        object_versions_deleted: How many noncurrent versions of objects were deleted from a bucket with versioning.
        object_versions_left: How many such versions the bucket still keeps.
        shared_identifiers: How many of the customer's identifiers, such as a serial number, also occur in other
            customers' records. The records of other sources that have one stay.
        not_seen: The paths of archived raw files, which may still name the customer. The tables' rows of these
            files are erased.
        files_read: How many files the verification read.
        still_named_in: The paths of files that still name the customer; none after a complete erasure.
        not_verified: From the path of a file that is neither readable text nor Parquet to the reason.
        to_look_at: From the path of a file to the number of records and texts that may mean the customer. A person has
            to decide.
        may_be_theirs: From a personal column to the number of other customers' records with this customer's value.
    """

    customer: str
    requested_by: str
    begun: str
    records_by_file: dict[str, int] = field(default_factory=dict)
    rows_by_table: dict[str, int] = field(default_factory=dict)
    files_deleted: int = 0
    object_versions_deleted: int = 0
    object_versions_left: int = 0
    shared_identifiers: int = 0
    not_seen: list[str] = field(default_factory=list)
    files_read: int = 0
    still_named_in: list[str] = field(default_factory=list)
    not_verified: dict[str, str] = field(default_factory=dict)
    to_look_at: dict[str, int] = field(default_factory=dict)
    may_be_theirs: dict[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The certificate for people, in lines."""
        removed = [
            *(f"{records} records out of {path}" for path, records in self.records_by_file.items()),
            *(f"{rows} rows out of {table}" for table, rows in self.rows_by_table.items() if rows),
        ]
        lines = [
            f"Erasure of the customer {self.customer}",
            f"requested by {self.requested_by}, begun {self.begun}",
            "Removed: " + ("; ".join(removed) or "nothing, everything was gone already"),
            f"Files of old table versions deleted: {self.files_deleted}",
            f"{SHARED} shared with other customers, whose readings stay: {self.shared_identifiers}",
            f"Old object versions deleted: {self.object_versions_deleted}; left: {self.object_versions_left}"
            + (" (--all-object-versions deletes them)" if self.object_versions_left else ""),
            f"Verified by reading all {self.files_read} files: "
            + (
                f"still named in {', '.join(self.still_named_in)}" if self.still_named_in else "none names the customer"
            ),
            RULE,
            *([self._text_of_not_seen] if self.not_seen else []),
            *(f"Not verified: {path}: {reason}." for path, reason in self.not_verified.items()),
            *(f"To look at: {path}: {count} places may mean the customer." for path, count in self.to_look_at.items()),
            *(
                f"May be theirs: {count} records of other customers have the same {column}."
                for column, count in self.may_be_theirs.items()
            ),
        ]
        return "\n".join(lines)

    @property
    def _text_of_not_seen(self) -> str:
        named = ", ".join(self.not_seen[:NAMED_FILES])
        others = len(self.not_seen) - NAMED_FILES
        return (
            f"Not seen: {len(self.not_seen)} archived raw files, which may still name the customer: {named}"
            + (f" and {others} others (--json names all)" if others > 0 else "")
            + ". Their rows are erased. Erase the customer where the files are archived."
        )

    @property
    def is_complete(self) -> bool:
        """Whether every file was verified, none names the customer, and no old object version is left."""
        return not self.still_named_in and not self.object_versions_left and not self.not_verified
