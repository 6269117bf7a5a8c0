"""The prompt of `stedi query`, in a terminal."""

import fcntl
import os
import pty
import re
import select
import stat
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from stedi_assets_tests.support.commands import PROGRAMS, environment
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.shell import BuiltTwice


class Terminal:
    """A command at a terminal.

    Attributes:
        printed: All that it has printed, with what steers the terminal.
    """

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self._process = process
        self._screen = screen
        self.printed = ""
        self._waited_for = 0

    def type(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """Waits until a text has been printed, and returns all that was since what the last wait was for."""
        last_moment = time.monotonic() + seconds
        while text not in plain(self.printed)[self._waited_for :]:
            ready, _, _ = select.select([self._screen], [], [], max(last_moment - time.monotonic(), 0))
            assert ready, f"{text!r} was not printed, but {plain(self.printed)[self._waited_for :]!r}"
            self.printed += os.read(self._screen, 65_536).decode(errors="replace")
        before, _, _ = plain(self.printed)[self._waited_for :].partition(text)
        self._waited_for += len(before + text)
        return before + text

    def exit_code(self) -> int:
        return self._process.wait(timeout=30)


def plain(printed: str) -> str:
    """What was printed, without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r", "", printed)


PROMPT = "stedi>"


CTRL_C, CTRL_D, ENTER, TAB, UP = "\x03", "\x04", "\r", "\t", "\x1b[A"


@contextmanager
def terminal(project: Project, state: Path, *arguments: str, **variables: str) -> Iterator[Terminal]:
    """Opens a terminal in which the command runs.

    Args:
        project: What it looks at.
        state: The folder for what programs keep.
        arguments: Of the command.
        variables: The environment variables that the user set.
    """
    screen, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    # This terminal answers no question about the cursor.
    own: Mapping[str, str] = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", "XDG_STATE_HOME": str(state)}
    process = subprocess.Popen(
        [str(PROGRAMS / "stedi"), *arguments],
        env=environment({**project.variables, **own, **variables}),
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(side)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)


def test_the_prompt_answers_statements_until_ctrl_d(built: BuiltTwice, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT count(*) AS readings{ENTER}")
        prompt.wait_for("->")
        prompt.type(f"FROM accelerometer_trusted;{ENTER}")
        assert "│        7 │" in prompt.wait_for("1 row")
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT 'a;b' AS text;{ENTER}")
        assert "a;b" in prompt.wait_for("1 row")
        prompt.wait_for(PROMPT)
        prompt.type(CTRL_D)
        assert prompt.exit_code() == 0


def test_names_of_tables_and_columns_are_offered_as_the_user_types(built: BuiltTwice, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type("FROM customer_")
        for name in ("customer_landing", "customer_quarantine", "customer_trusted", "customer_curated"):
            prompt.wait_for(name)
        prompt.type(f"trusted;{ENTER}")
        prompt.wait_for("3 rows")


def test_tab_takes_a_name_that_is_offered(built: BuiltTwice, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type("FROM machine_learning_c")
        prompt.wait_for("machine_learning_curated")
        prompt.type(f"{TAB} WHERE distanceF")
        prompt.wait_for("distanceFromObject")
        prompt.type(f"{TAB} < 250;{ENTER}")
        prompt.wait_for("3 rows")


def test_the_words_of_sql_have_a_colour(built: BuiltTwice, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type("SELECT 42")
        prompt.wait_for("SELECT")
        prompt.wait_for("42")
        keyword, number = (re.search(rf"(\x1b\[[0-9;]+m)[^\x1b]*{word}", prompt.printed) for word in ("SELECT", "42"))
        assert keyword and number and keyword[1] != number[1]


def test_a_result_wider_than_the_terminal_opens_in_the_pager(built: BuiltTwice, tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho paged; cat\n")
    pager.chmod(0o700)
    for width, is_paged in ((50, False), (500, True)):
        statement = f"SELECT repeat('x', {width}) AS wide"
        with terminal(built.project, tmp_path, "query", statement, PAGER=str(pager)) as screen:
            printed = screen.wait_for("1 row")
            assert ("paged" in printed) == is_paged
            # One line of the table, whatever the width of the terminal.
            assert "x" * width in printed
            assert screen.exit_code() == 0


def test_an_empty_pager_counts_as_none(built: BuiltTwice, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query", "SELECT 1 AS a", PAGER="") as screen:
        screen.wait_for("1 row")
        assert screen.exit_code() == 0


def test_an_error_does_not_end_the_prompt(built: BuiltTwice, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        for statement, message in (
            ("FROM nowhere;", "The table nowhere does not exist"),
            ("SELECT;", "Parser Error"),
            ("SELECT CAST('x' AS INTEGER);", "Conversion Error"),
            ("COPY customer_trusted TO 'x';", "not one SELECT"),
        ):
            prompt.type(f"{statement}{ENTER}")
            prompt.wait_for(message)
            prompt.wait_for(PROMPT)
        prompt.type(CTRL_D)
        assert prompt.exit_code() == 0


def test_ctrl_c_drops_what_was_typed(built: BuiltTwice, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type("SELECT nonsense")
        prompt.wait_for("nonsense")
        prompt.type(CTRL_C)
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT 6 * 7 AS answer;{ENTER}")
        assert "42" in prompt.wait_for("1 row")


@pytest.mark.parametrize("format_", ["table", "csv"])
def test_ctrl_c_stops_a_long_statement_and_not_the_prompt(built: BuiltTwice, tmp_path: Path, format_: str) -> None:
    with terminal(built.project, tmp_path, "query", "--format", format_) as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT sum(a.range * b.range) FROM range(10_000_000) AS a, range(10_000_000) AS b;{ENTER}")
        prompt.wait_for("AS b;")
        time.sleep(1)  # nothing tells that DuckDB has begun
        prompt.type(CTRL_C)
        prompt.wait_for("Interrupted.")
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT 6 * 7 AS answer;{ENTER}")
        prompt.wait_for("42")


def test_the_prompt_remembers_what_was_typed_and_lets_nobody_else_read_it(built: BuiltTwice, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT 'remembered' AS it;{ENTER}")
        prompt.wait_for("1 row")
        prompt.wait_for(PROMPT)
        prompt.type(CTRL_D)
        assert prompt.exit_code() == 0
    history_file = tmp_path / "stedi/query_history"
    assert stat.S_IMODE(history_file.stat().st_mode) == 0o600
    with terminal(built.project, tmp_path, "query") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(UP)
        prompt.wait_for("SELECT 'remembered' AS it;")


def test_the_prompt_travels_in_time_too(built: BuiltTwice, tmp_path: Path) -> None:
    with terminal(built.project, tmp_path, "query", "--as-of", "0", "--format", "csv") as prompt:
        prompt.wait_for(PROMPT)
        prompt.type(f"SELECT count(*) AS n FROM accelerometer_trusted;{ENTER}")
        prompt.wait_for("n\n4\n")


def test_a_terminal_gets_colours_unless_the_user_refuses_them(built: BuiltTwice, tmp_path: Path) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    for variables, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with terminal(built.project, tmp_path, "query", "SELECT 1 AS a", **variables) as screen:
            screen.wait_for("1 row")
            assert bool(colour.search(screen.printed)) == is_coloured
            assert screen.exit_code() == 0
