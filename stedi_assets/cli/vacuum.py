"""stedi vacuum: deletes what old versions of tables kept."""

import json
from datetime import timedelta

import click

RETENTION_DAYS = 7


@click.command()
@click.option(
    "--retention-days",
    type=click.IntRange(min=0),
    default=RETENTION_DAYS,
    show_default=True,
    help="How many days an old version can still be read.",
)
@click.option("--no-retention", is_flag=True, help="Needed for 0 days: no old version can be read any more.")
@click.option("--dry-run", is_flag=True, help="Count the files and delete nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def vacuum(retention_days: int, no_retention: bool, dry_run: bool, as_json: bool) -> None:
    """Deletes the files that only old versions of tables need, and those of attempts that failed.

    Until then, rows of a customer who withdrew their consent are still on disk, in old versions. It waits while a run
    is on.

    Example: stedi vacuum --retention-days 30 --dry-run
    """
    if retention_days == 0 and not no_retention:
        raise click.UsageError("0 days take every old version away at once; say so with --no-retention.")
    from stedi_assets.cli.materialize import open_lakehouse  # noqa: PLC0415
    from stedi_assets.defs.jobs.maintenance import vacuum_tables  # noqa: PLC0415

    with open_lakehouse() as lakehouse:
        deleted = vacuum_tables(lakehouse, timedelta(days=retention_days), "stedi vacuum", dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(deleted))
        return
    for table, files in deleted.items():
        click.echo(f"{table:<40}{files:>8,} files {'would go' if dry_run else 'deleted'}")
