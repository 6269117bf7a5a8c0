"""stedi check: computes the checks of the published tables."""

import json

import click

from stedi_assets.cli.completion import complete_table


@click.command()
@click.argument("tables", metavar="[TABLE]...", nargs=-1, shell_complete=complete_table)
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects, for programs.")
def check(tables: tuple[str, ...], as_json: bool) -> None:
    """Computes the checks of tables on all of their rows.

    A run computes its checks from the rows that it changes. This command reads the whole of the published tables, by
    default of all. It changes nothing, and exits with 1 if a blocking check fails.

    Example: stedi check {table}
    """
    from stedi_assets.cli.materialize import open_lakehouse  # noqa: PLC0415
    from stedi_assets.console.checks import results_json, results_table  # noqa: PLC0415
    from stedi_assets.console.screen import spinner, stdout_console  # noqa: PLC0415
    from stedi_assets.console.tables import names_of_contract  # noqa: PLC0415
    from stedi_assets.defs.checks.tables import all_checks  # noqa: PLC0415
    from stedi_assets.lakehouse.audit import full_audit  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    names = names_of_contract(tables)
    checks = all_checks(read_settings())
    with spinner(), open_lakehouse() as lakehouse:
        results = {name: full_audit(lakehouse, name, checks[name]) for name in names}
    if as_json:
        click.echo(json.dumps(results_json(results), indent=2))
    else:
        stdout_console().print(results_table(results))
    if any(result.is_blocked for each in results.values() for result in each):
        raise click.exceptions.Exit(1)
