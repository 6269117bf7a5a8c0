"""stedi history: lists the versions of a table."""

import json

import click

from stedi_assets.console.completion import complete_table


@click.command()
@click.argument("table", shell_complete=complete_table)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The most versions.")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects, for programs.")
def history(table: str, limit: int, as_json: bool) -> None:
    """Lists the versions of a table.

    The newest first, with the run that made each. Rows added and removed are those of the files that a version added
    and removed: a table that was replaced removed all its rows and added all. stedi diff compares the rows themselves.

    Example: stedi history customer_trusted
    """
    from stedi_assets.console.catalogue import find  # noqa: PLC0415
    from stedi_assets.console.screen import console  # noqa: PLC0415
    from stedi_assets.console.versions import versions, versions_json, versions_table  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    _, opened = find(read_settings().lakehouse, table)
    found = list(versions(opened, limit))
    if as_json:
        click.echo(json.dumps(versions_json(found), indent=2))
    else:
        console().print(versions_table(found))
