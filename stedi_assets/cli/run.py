"""stedi run: materializes assets."""

import click

from stedi_assets.cli.group import is_debugging


@click.command()
@click.option("--select", default="*", show_default=True, help="Which assets, in Dagster's selection syntax.")
def run(select: str) -> None:
    """Materializes assets and prints what came of it.

    The run is recorded in $DAGSTER_HOME, where there is one.

    Example: stedi run --select '+key:machine_learning_curated'
    """
    # Imported here: it imports Dagster, which the other commands and --help need not wait for.
    from stedi_assets.cli.materialize import materialize  # noqa: PLC0415

    if not materialize(select, shows_traces=is_debugging()):
        raise click.exceptions.Exit(1)
