"""stedi vacuum: deletes the files of old table versions."""

import json
from datetime import timedelta

import click

from stedi_assets.contract import RETENTION_DAYS


@click.command()
@click.option(
    "--retention-days",
    type=click.IntRange(min=0),
    default=RETENTION_DAYS,
    show_default=True,
    help="How many days an old version stays readable.",
)
@click.option("--no-retention", is_flag=True, help="Allow 0 days, after which no old version can be read.")
@click.option("--dry-run", is_flag=True, help="Count the files, and delete nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def vacuum(retention_days: int, no_retention: bool, dry_run: bool, as_json: bool) -> None:
    """Deletes the files that only old table versions need, and the files of failed runs.

    Until then, the rows of a customer who withdrew consent are still on disk, in old versions. The command waits for a
    run to end.

    Example: stedi vacuum --retention-days 30 --dry-run
    """
    if retention_days == 0 and not no_retention:
        raise click.UsageError("0 days delete every old version at once: confirm with --no-retention.")
    from stedi_assets.cli.materialize import open_lakehouse  # noqa: PLC0415
    from stedi_assets.defs.jobs.maintenance import vacuum_tables  # noqa: PLC0415

    with open_lakehouse() as lakehouse:
        deleted = vacuum_tables(lakehouse, timedelta(days=retention_days), "stedi vacuum", dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(deleted))
        return
    for table, files in deleted.items():
        click.echo(f"{table:<40}{files:>8,} files {'to delete' if dry_run else 'deleted'}")
