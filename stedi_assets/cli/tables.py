"""stedi tables: lists the tables of the lakehouse."""

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects, for programs.")
def tables(as_json: bool) -> None:
    """Lists the tables with their rows, size, files, version and age.

    Tables of the contract that have not been built are listed too. The zone `other` has tables of other assets, the
    zone `former` tables that left the contract: stedi clean TABLE removes one.

    Example: stedi tables
    """
    from stedi_assets.console.inventory import inventory_json, inventory_table, take_inventory  # noqa: PLC0415
    from stedi_assets.console.screen import stdout_console  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    inventory = take_inventory(read_settings().lakehouse)
    if as_json:
        click.echo(json.dumps(inventory_json(inventory), indent=2))
    else:
        stdout_console().print(inventory_table(inventory))
