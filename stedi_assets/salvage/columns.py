"""The columns of the rows that records become: all that this library knows of its caller's tables."""

from typing import Protocol

SqlType = str
"""A type that JSON values are converted to: one of `SQL_TYPES`, or DECIMAL(p,s): p digits, s of them in a fraction."""

SQL_TYPES = ("VARCHAR", "BOOLEAN", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DATE", "TIMESTAMP")
"""The types without parameters. A new one needs a rule in README.md, an entry in `values.CONVERTERS`, and one in
`arrow.ARROW_TYPES`."""


class ColumnLike(Protocol):
    """A column: the caller's own class fits if it has these attributes."""

    @property
    def name(self) -> str:
        """The name, which is also the JSON key in any case. No two columns' names differ by case alone."""
        ...

    @property
    def type(self) -> SqlType:
        """The type of the column's values."""
        ...

    @property
    def required(self) -> bool:
        """Whether a record without a value for this column is refused."""
        ...

    @property
    def names_customer(self) -> bool:
        """Whether the value identifies the customer, so that a record of an erased customer is refused."""
        ...
