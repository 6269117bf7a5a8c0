"""stedi diff: compares two versions of a table."""

import json

import click

from stedi_assets.cli.completion import complete_table


@click.command()
@click.argument("table", shell_complete=complete_table)
@click.argument("first", metavar="V1", type=click.IntRange(min=0))
@click.argument("second", metavar="V2", type=click.IntRange(min=0))
@click.option(
    "--sample", type=click.IntRange(min=0), default=5, show_default=True, help="The most rows to show of each side."
)
@click.option("--json", "as_json", is_flag=True, help="Print an object, for programs.")
def diff(table: str, first: int, second: int, sample: int, as_json: bool) -> None:
    """Compares two versions of a table.

    Rows only in V2 were added, rows only in V1 were removed. Duplicate rows count separately. Personal values are
    masked.

    Example: stedi diff {table} 3 4
    """
    from stedi_assets.console.difference import compare, difference_json, difference_lines  # noqa: PLC0415
    from stedi_assets.console.screen import spinner, stdout_console  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    with spinner():
        difference = compare(read_settings(), table, (first, second), sample)
    if as_json:
        click.echo(json.dumps(difference_json(difference), indent=2))
        return
    console = stdout_console()
    for line in difference_lines(difference):
        console.print(line)
