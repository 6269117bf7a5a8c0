"""A command with commands in it, whose errors are one line."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from stedi_assets.cli.unexpected import explained, stack_trace
from stedi_assets.errors import StediError

DEBUG = "stedi_assets.debug"
"""The key of a context's metadata that says whether stack traces are asked for."""

OF_CLICK = (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError)
"""The exceptions at which click ends a command, and prints what there is to say."""


def _note_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    # A command's context has the metadata of the group's: the option is as good before the command's name as after it.
    context.meta[DEBUG] = context.meta.get(DEBUG, False) or value


DEBUG_OPTION = click.Option(
    ["--debug"],
    is_flag=True,
    expose_value=False,
    callback=_note_debug,
    help="Print the stack trace of an error that is not explained.",
)


def is_debugging() -> bool:
    """Says whether the command that runs was asked for stack traces."""
    return bool(click.get_current_context().meta.get(DEBUG))


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
    """A group of commands, whose errors and theirs are one line. Each knows --debug."""

    def __init__(self, *args: Any, **others: Any) -> None:
        super().__init__(*args, **others)
        self.params.append(DEBUG_OPTION)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """See `click.Group`."""
        cmd.params.append(DEBUG_OPTION)
        super().add_command(cmd, name)

    def main(self, *args: Any, **others: Any) -> Any:
        """See `click.Command`."""
        print_what_can_be_encoded()
        return super().main(*args, **others)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """See `click.Command`."""
        with usage_errors_in_one_line(info_name or ""):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """See `click.Command`."""
        with usage_errors_in_one_line(ctx.command_path), unexpected_in_one_line(), refusals_in_one_line(), traced(ctx):
            return super().invoke(ctx)


def print_what_can_be_encoded() -> None:
    """Has Python print a question mark for what the encoding of a terminal or a log does not have, and not fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextmanager
def traced(context: click.Context) -> Iterator[None]:
    """Prints the stack trace of what nobody has explained, where it is asked for.

    Args:
        context: The context of the command.
    """
    try:
        yield
    except Exception as error:
        if context.meta.get(DEBUG) and not isinstance(error, OF_CLICK):
            click.echo(stack_trace(error), err=True)
        raise


@contextmanager
def unexpected_in_one_line() -> Iterator[None]:
    """Turns an unexpected exception into one line: its type, its message and where it was raised.

    Raises:
        StediError: The block raised it.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OF_CLICK):
            raise
        raise explained(error) from None


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
