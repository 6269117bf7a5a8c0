"""stedi diff: compares two versions of a table."""

import json

import click

from stedi_assets.console.completion import complete_table


@click.command()
@click.argument("table", shell_complete=complete_table)
@click.argument("first", metavar="V1", type=click.IntRange(min=0))
@click.argument("second", metavar="V2", type=click.IntRange(min=0))
@click.option("--sample", type=click.IntRange(min=0), default=5, show_default=True, help="The most rows to show.")
@click.option("--json", "as_json", is_flag=True, help="Print an object, for programs.")
def diff(table: str, first: int, second: int, sample: int, as_json: bool) -> None:
    """Compares two versions of a table.

    Rows that V2 has and V1 has not were added, the others removed. A row that is there twice counts twice. Personal
    values are masked.

    Example: stedi diff customer_trusted 3 4
    """
    from stedi_assets.console.difference import compare, difference_json, difference_lines  # noqa: PLC0415
    from stedi_assets.console.screen import console, working  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    with working():
        difference = compare(read_settings(), table, (first, second), sample)
    if as_json:
        click.echo(json.dumps(difference_json(difference), indent=2))
        return
    screen = console()
    for line in difference_lines(difference):
        screen.print(line)
