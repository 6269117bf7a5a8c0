"""stedi sample-data: writes made-up landing files."""

from pathlib import Path

import click

from stedi_assets.cli.force import force_option, refuse_existing


@click.command("sample-data")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The landing root to write. A missing folder is created.",
)
@click.option("--scale", type=click.IntRange(min=1), default=1, show_default=True, help="A multiple of 956 customers.")
@click.option(
    "--days",
    type=click.IntRange(min=1),
    help="Spread the readings evenly over so many days, with one file for each day and kind of reading. The first day "
    "also has the customers. By default, each 956 customers have all their readings within one hour.",
)
@force_option
def sample_data(output: Path, scale: int, days: int | None, force: bool) -> None:
    """Writes made-up landing files and their expected counts.

    With --force, they replace those of an earlier sample. Other landing files are never replaced.

    Example: stedi sample-data --scale 100 --days 100 --output landing-100
    """
    from stedi_assets.landing.expected import EXPECTED_COUNTS  # noqa: PLC0415
    from stedi_assets.landing.sample_data import write_sample_data  # noqa: PLC0415

    refuse_existing([output / EXPECTED_COUNTS], force=force)
    try:
        counts = write_sample_data(output, scale, days)
    except (OSError, ValueError) as error:
        reason = str(error)
        if isinstance(error, OSError) and error.errno:
            # An error of a write, such as a full disk, has no file name.
            reason = f"{error.filename or output}: {error.strerror}."
        raise click.ClickException(reason) from None
    for table, rows in counts.items():
        click.echo(f"{table:<32}{rows:>14,}")
