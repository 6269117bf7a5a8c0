"""The reference pages: the code writes what is between their marks.

Usage: python -m stedi_assets_tests.support.reference
"""

import re
from collections.abc import Callable, Iterator, Mapping

import click
from click.testing import CliRunner

from stedi_assets.cli import main
from stedi_assets.contract import TABLES, Column, Table
from stedi_assets_tests.support.checkout import PROJECT

DOCS = PROJECT / "docs"

MARKED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

WIDTH = 100
"""The characters in a line of a command's help."""


def renewed(page: str) -> str:
    """Returns a page with what the code writes between its marks."""
    return MARKED.sub(lambda marked: f"{marked[1]}\n{GENERATED[marked[2]]().strip()}\n\n{marked[3]}", page)


def settings() -> str:
    """The table of settings and their defaults."""
    return CliRunner().invoke(main, ["settings", "--markdown"], catch_exceptions=False).output


def commands() -> str:
    """The table of commands, each with the first sentence of its help."""
    rows = (
        f"| [`stedi {name}`](#stedi-{name}) | {_first_sentence(command)} |"
        for name, command in sorted(main.commands.items())
    )
    return "\n".join(["| command | what it does |", "| --- | --- |", *rows])


def _first_sentence(command: click.Command) -> str:
    return " ".join((command.help or "").partition("\n\n")[0].split())


def help_texts() -> str:
    """What each command prints with --help."""
    group = click.Context(main, info_name="stedi", terminal_width=WIDTH, **main.context_settings)
    texts = {
        name: command.get_help(click.Context(command, parent=group, info_name=name))
        for name, command in sorted(main.commands.items())
    }
    return "\n\n".join(f"### stedi {name}\n\n```text\n{text}\n```" for name, text in texts.items())


def tables() -> str:
    """Each table with its rule, its folder and its columns."""
    return "\n\n".join("\n".join(_table(table)) for table in TABLES.values())


def _table(table: Table) -> Iterator[str]:
    event_time = f" Event time: `{table.event_time}`." if table.event_time else ""
    yield f"## {table.name}\n"
    yield f"{table.description}\n"
    yield f"Zone: {table.zone}. Folder: `{table.path}`.{event_time}\n"
    yield "| column | type | required | personal | meaning |\n| --- | --- | --- | --- | --- |"
    yield from map(_row, table.columns)


def _row(column: Column) -> str:
    required, personal = ("yes" if value else "" for value in (column.required, column.personal))
    return f"| `{column.name}` | {column.type} | {required} | {personal} | {column.description} |"


GENERATED: Mapping[str, Callable[[], str]] = {
    "settings": settings,
    "commands": commands,
    "help": help_texts,
    "tables": tables,
}
"""From a mark to what comes after it."""


if __name__ == "__main__":
    for page in DOCS.glob("*.md"):
        page.write_text(renewed(page.read_text()))
