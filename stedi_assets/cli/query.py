"""stedi query: computes a SELECT over tables, or opens a prompt."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stedi_assets.cli.completion import complete_table
from stedi_assets.cli.force import force_option, refuse_existing

if TYPE_CHECKING:
    from stedi_assets.console.time_travel import AsOf, Rejected
    from stedi_assets.settings import Settings

FORMATS = ("table", "csv", "json", "parquet")


@click.command()
@click.argument("sql", required=False)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="The format of the result. By default the suffix of the output file, or a table.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file for the result, instead of printing."
)
@force_option
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The most rows that a table shows."
)
@click.option(
    "--as-of",
    "as_of_text",
    metavar="VERSION|TIMESTAMP",
    help="Read earlier versions: a version number, or an instant such as 2030-01-31T12:00:00Z.",
)
@click.option(
    "--rejected",
    metavar="TABLE",
    shell_complete=complete_table,
    help="Read the version of a table that its checks have rejected. Without SQL, all of its rows.",
)
def query(
    sql: str | None,
    format_: str | None,
    output: Path | None,
    force: bool,
    limit: int,
    as_of_text: str | None,
    rejected: str | None,
) -> None:
    """Computes a SELECT over tables.

    SQL is one SELECT in DuckDB's dialect. It can read the tables, by their names, and nothing else. Personal columns
    are shown unmasked.

    Without SQL, a prompt opens: a semicolon ends a statement, Tab completes names, Ctrl-D leaves. Standard input from a
    pipe is read as one statement.

    Example: stedi query 'SELECT count(*) FROM {table}'

    Example: stedi query 'FROM {table}' --output readings.parquet

    Example: stedi query 'FROM {table}' --as-of 0 --format csv

    Example: stedi query --rejected {table}
    """
    chosen = format_ or _format_of(output)
    _refuse_impossible_combination(chosen, output)
    refuse_existing([output] if output else [], force=force)
    if as_of_text and rejected:
        raise click.UsageError("--as-of and --rejected exclude each other.")
    versions = _rejected(rejected) if rejected else _as_of(as_of_text)
    statement = sql or f"FROM {rejected}" if rejected else sql
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    settings = read_settings()
    if statement is None and sys.stdin.isatty():
        if output:
            raise click.UsageError("--output needs a statement.")
        from stedi_assets.console.prompt import ask  # noqa: PLC0415

        ask(settings.lakehouse, partial(_answer, settings, versions, chosen, None, limit))
        return
    _answer(settings, versions, chosen, output, limit, _decoded(sys.stdin.read() if statement is None else statement))


def _decoded(sql: str) -> str:
    # In the C locale, Python decodes arguments as ASCII and keeps other bytes as surrogates.
    return sql.encode(errors="surrogateescape").decode(errors="replace")


def _format_of(output: Path | None) -> str:
    if output is None:
        return "table"
    # A file may be named .csv.gz.
    named = next((name for name in FORMATS if f".{name}" in output.suffixes), None)
    if named is None:
        raise click.UsageError(f"The name {output.name} has no known suffix: give --format csv, json or parquet.")
    return named


def _refuse_impossible_combination(format_: str, output: Path | None) -> None:
    if format_ == "parquet" and output is None:
        raise click.UsageError("Parquet cannot be printed: give --output FILE.")
    if format_ == "table" and output is not None:
        raise click.UsageError("A table is printed, not written to a file: give --format csv, json or parquet.")


def _as_of(text: str | None) -> "AsOf | None":
    from stedi_assets.console.time_travel import parse_as_of  # noqa: PLC0415

    try:
        return None if text is None else parse_as_of(text)
    except ValueError as error:
        raise click.UsageError(f"--as-of: {error}") from None


def _rejected(table: str) -> "Rejected":
    from stedi_assets.console.tables import names_of_contract  # noqa: PLC0415
    from stedi_assets.console.time_travel import Rejected  # noqa: PLC0415

    (name,) = names_of_contract([table])
    return Rejected(name)


def _answer(
    settings: "Settings", as_of: "AsOf | Rejected | None", format_: str, output: Path | None, limit: int, sql: str
) -> None:
    from stedi_assets.console.formats import print_result, show_table, write_result  # noqa: PLC0415

    if format_ == "table":
        show_table(settings, sql, as_of, limit)
    elif output is None:
        print_result(settings, sql, as_of, format_, sys.stdout.buffer)
    else:
        rows = write_result(settings, sql, as_of, format_, output)
        click.echo(f"{output}: {rows:,} rows", err=True)
