"""The one exception that users of the project meet."""

import click


class StediError(click.ClickException):
    """Something a user can put right: the message says what is wrong, where, and what to do.

    It is a `ClickException` because the `stedi` and the `dagster` commands are both built on click, which prints such
    an error as one line and exits with 1, where any other exception is a stack trace with the message somewhere in it.

    Args:
        what: What is wrong, with where: a file, folder, table or variable. Never a value from the data.
        remedy: What to do about it.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} {remedy}")

    def __str__(self) -> str:
        return self.message


class GoneError(StediError):
    """A file that was listed has been removed since: whoever delivers files may also take them away."""
