"""stedi report: writes a page that shows what the lakehouse holds."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The file to write, replaced where it exists.",
)
def report(output: Path) -> None:
    """Writes one page with counts, checks, queries, sample rows, lineage and pictures of the tables.

    The page loads nothing, and personal values in it are masked. Every check is run.

    Example: stedi report --output report.html
    """
    from rich.filesize import decimal  # noqa: PLC0415

    from stedi_assets.cli.materialize import open_lakehouse  # noqa: PLC0415
    from stedi_assets.console.output import replaced_when_complete  # noqa: PLC0415
    from stedi_assets.console.screen import working  # noqa: PLC0415
    from stedi_assets.contract import TABLES  # noqa: PLC0415
    from stedi_assets.defs.checks.tables import table_checks  # noqa: PLC0415
    from stedi_assets.report.contents import gather  # noqa: PLC0415
    from stedi_assets.report.page import page  # noqa: PLC0415
    from stedi_assets.settings import read_expected_counts, read_settings  # noqa: PLC0415

    settings = read_settings()
    expected = read_expected_counts(settings)
    checks = {table.name: table_checks(table, expected, settings.max_quarantined) for table in TABLES.values()}
    with replaced_when_complete(settings.lakehouse, output) as incomplete, working():
        with open_lakehouse() as lakehouse:
            gathered = gather(lakehouse, checks)
        incomplete.write_bytes(page(gathered))
    verdicts = ", ".join(f"{count} {status}" for status, count in gathered.verdicts.items())
    click.echo(f"{output}: {decimal(output.stat().st_size)}; checks: {verdicts}")
