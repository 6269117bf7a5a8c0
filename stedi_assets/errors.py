"""The errors that a user or a program can act on.

    StediError
    ├── ConflictError        another writer holds the lakehouse, or changed the table first
    ├── CredentialsError     AWS has no usable credentials, or a service refuses them
    ├── GoneError            a listed file was removed before it was read
    └── MissingTableError    the table does not exist

Every message says what happened, where, and what to do. A program tells errors apart by their type and attributes.
No message or attribute holds a secret or a value of the data.
"""

import click


class StediError(click.ClickException):
    """Something that a user can put right.

    It is a `ClickException` because the `stedi` and the `dagster` commands are both built on click. Click prints such
    an error as one line and exits with 1. Any other exception is a stack trace with the message somewhere in it.

    Attributes:
        what: What is wrong and where: a file, folder, table or variable. Never a value of the data.
        remedy: What to do about it.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} {remedy}")
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return self.message


class ConflictError(StediError):
    """Another writer holds the lakehouse or changed the table first. Nothing was stored: try again later.

    Attributes:
        folder: The folder of the table, or of the lakehouse where another writer holds all of it.
        expected: The version that the commit would have followed; None where the table did not exist, or no commit was
            tried.
        found: The version that the other writer left; None where it is not known.
    """

    def __init__(
        self, what: str, remedy: str, *, folder: str, expected: int | None = None, found: int | None = None
    ) -> None:
        super().__init__(what, remedy)
        self.folder = folder
        self.expected = expected
        self.found = found


class CredentialsError(StediError):
    """AWS has no usable credentials, or a service refuses them for a request.

    Attributes:
        code: The service's error code, such as AccessDenied, or the name of the exception of botocore.
        service: The service that refused, such as s3; None where no request was sent.
        profile: The profile that the credentials belong to; None where it is not known.
    """

    def __init__(
        self, what: str, remedy: str, *, code: str, service: str | None = None, profile: str | None = None
    ) -> None:
        super().__init__(what, remedy)
        self.code = code
        self.service = service
        self.profile = profile


class GoneError(StediError):
    """A listed file was removed before it was read, such as by the program that delivers files."""


class MissingTableError(StediError):
    """A table does not exist.

    Attributes:
        name: The name that was asked for.
        folder: The folder that would hold the table.
    """

    def __init__(self, what: str, remedy: str, *, name: str, folder: str) -> None:
        super().__init__(what, remedy)
        self.name = name
        self.folder = folder
