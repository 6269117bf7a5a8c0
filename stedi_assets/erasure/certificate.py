"""What an erasure did, and what it could not see, as it is handed to whoever asked for it."""

from dataclasses import dataclass, field

WHAT_NAMES = (
    "A record names the customer where email, user or serialNumber is theirs; other text where their email, or a "
    "serial number of six characters or more with a digit among them, stands in it by itself."
)


@dataclass
class Certificate:
    """What an erasure did.

    Attributes:
        customer: The keyed hash of the email.
        requested_by: Who asked.
        begun: When, in UTC.
        records_by_file: The records taken out of each raw file.
        rows_by_table: How many rows each table has less.
        files_deleted: How many files of old versions were deleted.
        object_versions_deleted: How many old versions of objects.
        object_versions_left: How many the bucket still keeps.
        shared_serial_numbers: How many serial numbers are others' too, and so were left.
        files_read: How many files the verification read.
        still_named_in: The files that name the customer still: none, where the erasure is complete.
        not_verified: From each file that could not be read as text or as Parquet to why.
        to_look_at: From each file to how many records and texts in it may mean the customer, for a person to look at.
        may_be_theirs: From a personal column to how many records of other customers share the customer's value.
    """

    customer: str
    requested_by: str
    begun: str
    records_by_file: dict[str, int] = field(default_factory=dict)
    rows_by_table: dict[str, int] = field(default_factory=dict)
    files_deleted: int = 0
    object_versions_deleted: int = 0
    object_versions_left: int = 0
    shared_serial_numbers: int = 0
    files_read: int = 0
    still_named_in: list[str] = field(default_factory=list)
    not_verified: dict[str, str] = field(default_factory=dict)
    to_look_at: dict[str, int] = field(default_factory=dict)
    may_be_theirs: dict[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The certificate as it is read."""
        removed = [
            *(f"{records} records out of {path}" for path, records in self.records_by_file.items()),
            *(f"{rows} rows out of {table}" for table, rows in self.rows_by_table.items() if rows),
        ]
        lines = [
            f"Erasure of the customer {self.customer}",
            f"requested by {self.requested_by}, begun {self.begun}",
            "Removed: " + ("; ".join(removed) or "nothing, it was gone already"),
            f"Files of old versions deleted: {self.files_deleted}",
            f"Serial numbers that other customers' records carry too, whose readings stay: "
            f"{self.shared_serial_numbers}",
            f"Old versions of objects deleted: {self.object_versions_deleted}; left: {self.object_versions_left}"
            + (" (--all-object-versions removes them)" if self.object_versions_left else ""),
            f"Verified in all {self.files_read} files that are left: "
            + (", ".join(self.still_named_in) + " name the customer still" if self.still_named_in else "no name"),
            WHAT_NAMES,
            *(f"Not verified: {path}: {reason}." for path, reason in self.not_verified.items()),
            *(f"To look at: {path}: {count} places may mean the customer." for path, count in self.to_look_at.items()),
            *(
                f"May be theirs: {count} records of other customers have the same {column}."
                for column, count in self.may_be_theirs.items()
            ),
        ]
        return "\n".join(lines)

    @property
    def is_complete(self) -> bool:
        """Whether nothing names the customer any more, as far as everything could be read."""
        return not self.still_named_in and not self.object_versions_left and not self.not_verified
