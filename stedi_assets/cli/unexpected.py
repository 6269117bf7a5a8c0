"""An error that nobody has explained, in one line; and its stack trace, for who asks for it."""

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
from stedi_assets.privacy.masking import masked

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)
"""The first line of a frame, as Python prints it."""

OWN_FOLDER = f"{Path(stedi_assets.__file__).parent}{os.sep}"

LIBRARY_FOLDERS = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib"))

INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))

CHARACTERS = 1_000
"""How much of a message the line shows: some libraries put a whole query or a whole record into theirs."""

CHARACTERS_READ = 20 * CHARACTERS
"""How much of it is looked through."""

REMEDY = "For the stack trace, run the command again with --debug."

REMEDY_OF_A_RUN = "For the stack trace, run stedi run --debug, or see the run's page in Dagster."


@dataclass(frozen=True)
class Unexpected:
    """The exception that caused all that were raised from it.

    Attributes:
        said: Its type and message, as Python prints them.
        frames: The stack frames as Python prints them, outermost first.
        is_explanation: Whether it is a `StediError` after all, whose message says everything.
    """

    said: str
    frames: Sequence[str]
    is_explanation: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Describes an exception.

        Args:
            error: The exception, which may have been raised from another one.
        """
        chain = list(_chain(error))
        frames = [traceback.format_tb(each.__traceback__) for each in chain]
        return cls("".join(traceback.format_exception_only(chain[-1])), _nearest(frames))

    @classmethod
    def recorded(cls, error: "SerializableErrorInfo") -> Self:
        """Describes what Dagster recorded of an exception, which Dagster wraps in one or two of its own.

        Args:
            error: What it recorded.
        """
        chain = [error]
        while chain[-1].cause is not None:
            chain.append(chain[-1].cause)
        is_explanation = chain[-1].message.partition(": ")[0] in _names_of_explanations()
        return cls(chain[-1].message, _nearest([each.stack for each in chain]), is_explanation)

    def line(self, where: str, remedy: str) -> str:
        """Says in one line what went wrong, where, and how to learn more.

        Args:
            where: The step.
            remedy: How to get the stack trace.
        """
        if self.is_explanation:
            return f"{where}: {printable(self.said.partition(': ')[2])}"
        return f"{where}: {self.sentence} {remedy}"

    @property
    def sentence(self) -> str:
        """The exception with its place; personal values and secrets in its message are masked."""
        place = self._place()
        said = printable(masked(self.said[:CHARACTERS_READ]))
        shown = said if len(said) <= CHARACTERS else f"{said[: CHARACTERS - 1]}…"
        return f"{shown.rstrip('.')}{f' ({place})' if place else ''}."

    def _place(self) -> str:
        """Names the innermost frame that is of this project or the user's, because they can change no other.

        A frame of a library says less: many lines of a project lead to the same one.
        """
        frames = [found for frame in self.frames if (found := FRAME.search(frame))]
        own = [frame for frame in frames if not _is_of_a_library(frame["file"])]
        return next((f"{found['file']}:{found['line']} in {found['function']}" for found in (own or frames)[-1:]), "")


def explained(error: BaseException) -> StediError:
    """Gives the error that a command ends with.

    Args:
        error: An exception.

    Returns:
        The explanation that the exception was raised from, where there is one; else a line of what it is and where.
    """
    *_, cause = _chain(error)
    return cause if isinstance(cause, StediError) else StediError(Unexpected.of(error).sentence, REMEDY)


def stack_trace(error: BaseException) -> str:
    """Writes an exception with all that it was raised from, with personal values and secrets masked.

    Args:
        error: The exception.
    """
    return masked_trace("".join(traceback.format_exception(error)))


def masked_trace(trace: str) -> str:
    """Masks the messages of a stack trace; its frames name files and lines, and no value.

    Args:
        trace: The trace, as Python or Dagster prints it.
    """
    return "\n".join(line if FRAME.match(line) else masked(line) for line in trace.splitlines())


def printable(text: str) -> str:
    """Writes a text in one line, in which what would steer a terminal is its escape.

    Args:
        text: Any.
    """
    return "".join(_escaped(" ".join(text.split())))


def _escaped(text: str) -> Iterator[str]:
    for character in text:
        yield character if character.isprintable() else character.encode("unicode_escape").decode()


def _is_of_a_library(file: str) -> bool:
    # This package is installed among the libraries where it is not developed.
    if file.startswith(OWN_FOLDER):
        return False
    return file.startswith(("<frozen ", *LIBRARY_FOLDERS)) or any(folder in file for folder in INSTALLED)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Follows what an exception was raised from, to the first of all."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _nearest(stacks: Sequence[Sequence[str]]) -> Sequence[str]:
    """Finds the frames nearest to the cause: an exception that was made, and not raised, has none."""
    return next((frames for frames in reversed(stacks) if frames), [])


def _names_of_explanations() -> set[str]:
    """The names of `StediError` and of all classes below it, with their modules, as Python prints them.

    Dagster records how an exception is printed, and not its class. Another library's class may have the same bare name,
    and its message is not for everybody to read.
    """
    kinds: list[type[StediError]] = [StediError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}
