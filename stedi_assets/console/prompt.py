"""The interactive prompt of `stedi query`, with history and completion."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click
import duckdb
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import completion_is_selected, has_focus
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from stedi_assets.console.statement import is_ended
from stedi_assets.console.tables import existing_tables
from stedi_assets.errors import StediError
from stedi_assets.storage.location import Location

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

WELCOME = "A semicolon ends a statement, Ctrl-C discards it, Ctrl-D leaves. The tables are {tables}."


class SqlCompleter(Completer):
    """Completes the names of tables and columns, and SQL's keywords.

    Args:
        tables: From a table's name to the names of its columns.
    """

    def __init__(self, tables: Mapping[str, Sequence[str]]) -> None:
        self._tables = tables
        keywords = duckdb.sql("SELECT DISTINCT upper(keyword_name) FROM duckdb_keywords() ORDER BY 1").fetchall()
        self._keywords = [keyword for (keyword,) in keywords]

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yields the completions of the word before the cursor.

        Columns are those of the tables that the statement names, or of all tables if it names none.
        """
        word = document.get_word_before_cursor(pattern=WORD)
        if not word:
            return
        named = {found.casefold() for found in WORD.findall(document.text)}
        columns = self._columns([table for table in self._tables if table.casefold() in named] or self._tables)
        for kind, names in (("table", self._tables), ("column", columns), ("keyword", self._keywords)):
            for name in names:
                if name.casefold().startswith(word.casefold()):
                    yield Completion(name, start_position=-len(word), display_meta=kind)

    def _columns(self, tables: Iterable[str]) -> list[str]:
        return sorted({column for table in tables for column in self._tables[table]})


def history_file() -> Path:
    """Creates the file for the prompt's history and returns its path.

    Only its user can read the file, because a statement may contain personal data.

    Raises:
        StediError: The file cannot be created.
    """
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    # The XDG Base Directory Specification says to ignore a relative path.
    state = named if named.is_absolute() else Path.home() / ".local/state"
    file = state / "stedi/query_history"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.chmod(0o600)
    except OSError as error:
        raise StediError(
            f"The history of queries cannot be written to {file}: {error.strerror}.",
            "Make the folder writable, or set XDG_STATE_HOME to a writable folder.",
        ) from None
    return file


def ask(lakehouse: Location, answer: Callable[[str], None]) -> None:
    """Asks for statements until the user leaves. An error is printed and does not end the prompt.

    Args:
        lakehouse: The folder that holds the tables.
        answer: Computes a statement and prints its result.

    Raises:
        StediError: The tables cannot be read, or the history cannot be written.
    """
    tables = {
        entry.name: [field.name for field in table.schema().fields] for entry, table in existing_tables(lakehouse)
    }
    session: PromptSession[str] = PromptSession(
        "stedi> ",
        history=FileHistory(str(history_file())),
        completer=SqlCompleter(tables),
        complete_while_typing=True,
        lexer=PygmentsLexer(SqlLexer),
        multiline=True,
        prompt_continuation="    -> ",
        key_bindings=_key_bindings(),
    )
    click.echo(WELCOME.format(tables=", ".join(tables) or "not built yet: stedi run builds them"))
    while True:
        try:
            _answer(session.prompt(), answer)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _answer(text: str, answer: Callable[[str], None]) -> None:
    if not text.strip(" \n;"):
        return
    try:
        answer(text)
    except click.ClickException as error:
        error.show()
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)


def _key_bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter", filter=has_focus(DEFAULT_BUFFER) & ~completion_is_selected)
    def accept_when_ended(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_ended(buffer.text) or not buffer.text.strip():
            buffer.validate_and_handle()
        else:
            buffer.newline(copy_margin=False)

    return bindings
