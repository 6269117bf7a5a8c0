"""A command with commands in it, whose usage errors are one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from stedi_assets.errors import StediError


class UsageInOneLine(click.ClickException):
    """A command was called in a way that it does not know. Click's own error prints the usage with it, in three lines.

    Args:
        error: Click's own.
        command: The command that was called, with those that it is in.
    """

    exit_code = click.UsageError.exit_code

    def __init__(self, error: click.UsageError, command: str) -> None:
        message = " ".join(error.format_message().split())
        end = "" if message.endswith((".", "?")) else "."
        super().__init__(f"{message}{end} See {command} --help.")


class OneLineGroup(click.Group):
    """A group of commands, whose usage errors and theirs are one line."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """See `click.Command`."""
        with usage_errors_in_one_line(info_name or ""):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """See `click.Command`."""
        with usage_errors_in_one_line(ctx.command_path), refusals_in_one_line():
            return super().invoke(ctx)


@contextmanager
def refusals_in_one_line() -> Iterator[None]:
    """Makes what the system refuses one line: a folder that is gone, a name that is too long, a disk that is full.

    Raises:
        StediError: The system refused something in the block.
        BrokenPipeError: Nobody reads the output any more, at which click ends the command without a word.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if not error.filename and _is_working_folder_gone():
            raise StediError("The working folder does not exist any more.", "Change to another one.") from None
        where = f"{error.filename}: " if error.filename else ""
        raise StediError(
            f"The system refused: {where}{error.strerror or error}.",
            "Check that this folder or file exists, may be written, and has room on its disk.",
        ) from None


def _is_working_folder_gone() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


@contextmanager
def usage_errors_in_one_line(command: str) -> Iterator[None]:
    """Makes a usage error one line.

    Args:
        command: What was called, where the error does not know.

    Raises:
        UsageInOneLine: The block raised a usage error.
        click.exceptions.NoArgsIsHelpError: Nothing was given at all, for which the help is the answer.
    """
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise UsageInOneLine(error, error.ctx.command_path if error.ctx else command) from None
