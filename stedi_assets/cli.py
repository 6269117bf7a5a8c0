"""The `stedi` command: what Dagster's own command does not do."""

from pathlib import Path

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stedi_assets")
def main() -> None:
    """Builds a lakehouse of Step Trainer readings, with what Dagster's own command does not do."""


@main.command()
@click.option("--select", default="*", show_default=True, help="Which assets, in Dagster's selection syntax.")
def run(select: str) -> None:
    """Materializes assets and prints what came of it.

    The run is recorded in $DAGSTER_HOME, where there is one.

    Example: stedi run --select '+key:machine_learning_curated'
    """
    # Imported here: it imports Dagster, which the other commands and --help need not wait for.
    from stedi_assets.run import materialize  # noqa: PLC0415

    if not materialize(select):
        raise click.exceptions.Exit(1)


@main.command("sample-data")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The landing root to write, created where it does not exist.",
)
@click.option("--scale", type=click.IntRange(min=1), default=1, show_default=True, help="How many times the customers.")
def sample_data(output: Path, scale: int) -> None:
    """Writes made-up landing files and their expected counts.

    Example: stedi sample-data --scale 100 --output landing-100
    """
    from stedi_assets.sample_data import write_sample_data  # noqa: PLC0415

    try:
        counts = write_sample_data(output, scale)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    for table, rows in counts.items():
        click.echo(f"{table:<28}{rows:>14,}")
