"""stedi report: writes one page about the tables and their checks."""

from pathlib import Path

import click

from stedi_assets.cli.force import force_option, refuse_existing


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The file to write.",
)
@force_option
def report(output: Path, force: bool) -> None:
    """Writes one page with counts, checks, queries, sample rows, lineage and pictures of the tables.

    The command runs every check. The page is one file that loads nothing else, and personal values are masked.

    Example: stedi report --output report.html
    """
    refuse_existing([output], force=force)
    from rich.filesize import decimal  # noqa: PLC0415

    from stedi_assets.cli.materialize import open_lakehouse  # noqa: PLC0415
    from stedi_assets.console.output import atomic_output  # noqa: PLC0415
    from stedi_assets.console.screen import spinner  # noqa: PLC0415
    from stedi_assets.defs.assets import QUERIES  # noqa: PLC0415
    from stedi_assets.defs.checks.tables import all_checks  # noqa: PLC0415
    from stedi_assets.report.contents import gather  # noqa: PLC0415
    from stedi_assets.report.page import render_page  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    settings = read_settings()
    with atomic_output(settings.lakehouse, output) as incomplete, spinner():
        with open_lakehouse() as lakehouse:
            gathered = gather(lakehouse, QUERIES, all_checks(settings))
        incomplete.write_bytes(render_page(gathered))
    counts = ", ".join(f"{count} {status}" for status, count in gathered.counts_by_status.items())
    click.echo(f"{output}: {decimal(output.stat().st_size)}; checks: {counts}")
