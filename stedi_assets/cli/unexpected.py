"""Unexpected errors, which are no `StediError`: one line for the user, and the stack trace for --debug."""

import os
import re
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import stedi_assets
from stedi_assets.errors import StediError
from stedi_assets.privacy.masking import escaped, masked

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)
"""The first line of a stack frame, as Python prints it."""

OWN_FOLDER = f"{Path(stedi_assets.__file__).parent}{os.sep}"

LIBRARY_FOLDERS = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib"))

INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))

CHARACTERS = 1_000
"""The greatest length of a message in the line. Some libraries put a whole query or record into their messages."""

CHARACTERS_MASKED = 20 * CHARACTERS
"""The part of a message that is masked before it is shortened. Masking all of a huge message would take long."""

REMEDY = "For the stack trace, run the command again with --debug."

REMEDY_OF_A_RUN = "For the stack trace, run stedi run --debug, or see the run's page in Dagster."


@dataclass(frozen=True)
class Unexpected:
    """The root cause of a failure: the first exception of a chain.

    Attributes:
        message: The type and the message of the exception, as Python prints them.
        frames: The stack frames as Python prints them, outermost first.
        is_stedi_error: Whether the root cause is a `StediError`, whose message needs no place and no stack trace.
    """

    message: str
    frames: Sequence[str]
    is_stedi_error: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Returns the root cause of an exception."""
        chain = list(_chain(error))
        frames = [traceback.format_tb(each.__traceback__) for each in chain]
        return cls("".join(traceback.format_exception_only(chain[-1])), _nearest(frames))

    @classmethod
    def recorded(cls, error: "SerializableErrorInfo") -> Self:
        """Returns the root cause of an exception that Dagster recorded, without the exceptions that Dagster adds."""
        chain = [error]
        while chain[-1].cause is not None:
            chain.append(chain[-1].cause)
        is_stedi_error = chain[-1].message.partition(": ")[0] in _stedi_error_names()
        return cls(chain[-1].message, _nearest([each.stack for each in chain]), is_stedi_error)

    def line(self, step: str, remedy: str) -> str:
        """Returns a line with the step, the error and the remedy.

        Args:
            step: The key of the step, or "The run".
            remedy: How to get the stack trace.
        """
        if self.is_stedi_error:
            return f"{step}: {printable(self.message.partition(': ')[2])}"
        return f"{step}: {self.sentence} {remedy}"

    @property
    def sentence(self) -> str:
        """The exception's type, message and place. Personal values and secrets in the message are masked."""
        place = self._place()
        message = printable(masked(self.message[:CHARACTERS_MASKED]))
        shortened = message if len(message) <= CHARACTERS else f"{message[: CHARACTERS - 1]}…"
        return f"{shortened.rstrip('.')}{f' ({place})' if place else ''}."

    def _place(self) -> str:
        """Returns the file, line and function of the innermost frame in this package or the user's code.

        A frame of a library helps less: many lines of a project lead there, and the user cannot change the library.
        """
        frames = [found for frame in self.frames if (found := FRAME.search(frame))]
        own = [frame for frame in frames if not _is_of_a_library(frame["file"])]
        return next((f"{found['file']}:{found['line']} in {found['function']}" for found in (own or frames)[-1:]), "")


def explained(error: BaseException) -> StediError:
    """Returns the error to end a command with.

    This is the `StediError` at the beginning of the exception's chain, or else a new one with a line about the root
    cause.
    """
    *_, cause = _chain(error)
    return cause if isinstance(cause, StediError) else StediError(Unexpected.of(error).sentence, REMEDY)


def stack_trace(error: BaseException) -> str:
    """Returns the stack trace of an exception and its causes, with personal values and secrets masked."""
    return masked_trace("".join(traceback.format_exception(error)))


def masked_trace(trace: str) -> str:
    """Returns a stack trace with its messages masked. The first lines of frames stay: they hold no value."""
    return "\n".join(line if FRAME.match(line) else masked(line) for line in trace.splitlines())


def printable(text: str) -> str:
    """Returns a text in one line, with an escape for each control character, which a terminal would obey."""
    return escaped(" ".join(text.split()))


def _is_of_a_library(file: str) -> bool:
    # pip installs this package among the libraries.
    if file.startswith(OWN_FOLDER):
        return False
    return file.startswith(("<frozen ", *LIBRARY_FOLDERS)) or any(folder in file for folder in INSTALLED)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and then each of its causes, up to the root cause."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _nearest(stacks: Sequence[Sequence[str]]) -> Sequence[str]:
    """Returns the last stack with frames: an exception that was created but never raised has no frames."""
    return next((frames for frames in reversed(stacks) if frames), [])


def _stedi_error_names() -> set[str]:
    """Returns the names of `StediError` and all its subclasses, with their modules, as Python prints them.

    Dagster records the text of an exception and not its class. Without the module, a class of another library could
    match, and its message may quote personal data.
    """
    kinds: list[type[StediError]] = [StediError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}
