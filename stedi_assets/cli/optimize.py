"""stedi optimize: joins the small files of tables."""

import json

import click

from stedi_assets.cli.completion import complete_table

HOLDER = "stedi optimize"
"""The name of this command in the history of a table and in the messages of runs that wait."""


@click.command()
@click.argument("tables", metavar="[TABLE]...", nargs=-1, shell_complete=complete_table)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def optimize(tables: tuple[str, ...], as_json: bool) -> None:
    """Joins the small files of tables, by default of all.

    Rows, earlier versions and the findings of checks stay as they are. A run does so by itself where a table has many
    small files. The files that were joined stay on disk until a vacuum.

    Example: stedi optimize {table}
    """
    from stedi_assets.cli.materialize import open_lakehouse  # noqa: PLC0415
    from stedi_assets.console.tables import names_of_contract  # noqa: PLC0415
    from stedi_assets.contract import SOURCES  # noqa: PLC0415
    from stedi_assets.lakehouse.build import Builder  # noqa: PLC0415
    from stedi_assets.lakehouse.compaction import compact  # noqa: PLC0415

    # Each version of a quarantine is written whole.
    quarantines = {source.quarantine for source in SOURCES.values()}
    names = [name for name in names_of_contract(tables) if name not in quarantines]
    with open_lakehouse() as lakehouse:
        lakehouse.hold(HOLDER)
        builder = Builder(lakehouse)
        stored = [name for name in names if lakehouse.find(name) is not None]
        joined = {name: compact(builder, name, HOLDER, at_least=2) for name in stored}
    if as_json:
        click.echo(json.dumps(joined))
        return
    for table, files in joined.items():
        click.echo(f"{table:<40}{files:>8,} files joined")
