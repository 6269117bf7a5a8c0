"""stedi history: lists the versions of a table."""

import json

import click

from stedi_assets.cli.completion import complete_table


@click.command()
@click.argument("table", shell_complete=complete_table)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The most versions to list.")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects, for programs.")
def history(table: str, limit: int, as_json: bool) -> None:
    """Lists the versions of a table.

    The newest version comes first. The rows added and removed are those of whole files: a version that rewrote the
    table removed and added all rows. stedi diff compares the rows themselves.

    Example: stedi history {table}
    """
    from stedi_assets.console.screen import stdout_console  # noqa: PLC0415
    from stedi_assets.console.tables import open_by_name  # noqa: PLC0415
    from stedi_assets.console.versions import history_entries, history_json, history_table  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    _, opened = open_by_name(read_settings().lakehouse, table)
    entries = list(history_entries(opened, limit))
    if as_json:
        click.echo(json.dumps(history_json(entries), indent=2))
    else:
        stdout_console().print(history_table(entries))
