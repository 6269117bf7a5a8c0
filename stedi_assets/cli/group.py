"""A group of commands in which every error is one line."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from stedi_assets.cli.unexpected import explained, stack_trace
from stedi_assets.contract import SOURCES, TABLES, folders_in_words
from stedi_assets.errors import StediError

WORDS = {
    "{folders}": folders_in_words(),
    "{sources}": ", ".join(SOURCES),
    "{table}": list(TABLES)[-1],
}
"""From a placeholder in the help of a command to what the contract puts there: `{table}` is a table for an example."""

DEBUG = "stedi_assets.debug"
"""The key in a click context's metadata for the option --debug."""

CLICK_EXCEPTIONS = (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError)
"""The exceptions that click itself handles: it prints their message and exits."""


def _store_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    # A command shares the metadata of its group: the option works both before and after the command's name.
    context.meta[DEBUG] = context.meta.get(DEBUG, False) or value


DEBUG_OPTION = click.Option(
    ["--debug"],
    is_flag=True,
    expose_value=False,
    callback=_store_debug,
    help="Print the stack trace of an unexpected error.",
)


def is_debugging() -> bool:
    """Whether the current command was called with --debug."""
    return bool(click.get_current_context().meta.get(DEBUG))


class UsageInOneLine(click.ClickException):
    """A usage error in one line. Click's own error prints the usage too, in three lines.

    Args:
        error: Click's error.
        command: The command's name, with the names of its groups.
    """

    exit_code = click.UsageError.exit_code

    def __init__(self, error: click.UsageError, command: str) -> None:
        message = " ".join(error.format_message().split())
        end = "" if message.endswith((".", "?")) else "."
        super().__init__(f"{message}{end} See {command} --help.")


class OneLineGroup(click.Group):
    """A group of commands in which every error is one line and every command has the option --debug."""

    def __init__(self, *args: Any, **others: Any) -> None:
        super().__init__(*args, **others)
        self.params.append(DEBUG_OPTION)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """See `click.Group`."""
        for placeholder, text in WORDS.items():
            cmd.help = (cmd.help or "").replace(placeholder, text)
        cmd.params.append(DEBUG_OPTION)
        super().add_command(cmd, name)

    def main(self, *args: Any, **others: Any) -> Any:
        """See `click.Command`."""
        replace_unencodable_characters()
        return super().main(*args, **others)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """See `click.Command`."""
        with usage_errors_in_one_line(info_name or ""):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """See `click.Command`."""
        with usage_errors_in_one_line(ctx.command_path), unexpected_in_one_line(), os_errors_in_one_line(), traced(ctx):
            return super().invoke(ctx)


def replace_unencodable_characters() -> None:
    """Makes Python print a question mark for a character that the output's encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextmanager
def traced(context: click.Context) -> Iterator[None]:
    """Prints the stack trace of an unexpected exception if the command was called with --debug."""
    try:
        yield
    except Exception as error:
        if context.meta.get(DEBUG) and not isinstance(error, CLICK_EXCEPTIONS):
            click.echo(stack_trace(error), err=True)
        raise


@contextmanager
def unexpected_in_one_line() -> Iterator[None]:
    """Turns an unexpected exception into one line: its type, its message and the line of code.

    Raises:
        StediError: The block raised an exception that click does not handle.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, CLICK_EXCEPTIONS):
            raise
        raise explained(error) from None


@contextmanager
def os_errors_in_one_line() -> Iterator[None]:
    """Turns an error of the operating system into one line: a missing folder, a name too long, a full disk.

    Raises:
        StediError: The block raised an OSError.
        BrokenPipeError: The reader of the output has ended. Click then ends the command without a message.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if not error.filename and _is_working_folder_gone():
            raise StediError("The working folder does not exist any more.", "Change to another folder.") from None
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
    """Turns a usage error into one line.

    Args:
        command: The command's name, for an error that does not know its command.

    Raises:
        UsageInOneLine: The block raised a usage error.
        click.exceptions.NoArgsIsHelpError: The command was called without arguments. Click then prints the help.
    """
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise UsageInOneLine(error, error.ctx.command_path if error.ctx else command) from None
