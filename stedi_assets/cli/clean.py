"""stedi clean: removes tables that runs have built."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from stedi_assets.cli.completion import complete_stored_table

if TYPE_CHECKING:
    from stedi_assets.settings import Settings


@click.command()
@click.argument("tables", metavar="[TABLE]...", nargs=-1, shell_complete=complete_stored_table)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--dry-run", is_flag=True, help="List what would be removed, and remove nothing.")
def clean(tables: tuple[str, ...], yes: bool, dry_run: bool) -> None:
    """Removes tables at STEDI_LAKEHOUSE, by default all, and with STEDI_GLUE_DATABASE their entries in AWS Glue.

    TABLE is a name that `stedi tables` lists, or the table's folder below the lakehouse. A former table, which the
    contract no longer has, is removed only by name.

    It removes only files that runs have written. If a table's folder holds anything else, it removes nothing. Landing
    files are never touched. It waits for a run to end. After an interruption, run it again.

    Example: stedi clean --dry-run

    Example: stedi clean {table}
    """
    from stedi_assets.lakehouse.cleaning import HOLDER  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415
    from stedi_assets.storage.lease import lease_held  # noqa: PLC0415

    settings = read_settings()
    # Held before the tables are listed: otherwise a run could add tables while the user is asked.
    held = nullcontext() if dry_run else lease_held(settings.lakehouse, HOLDER, settings.lease_wait_timeout)
    with held:
        _clean(settings, tables, yes=yes, dry_run=dry_run)


def _clean(settings: "Settings", tables: Sequence[str], *, yes: bool, dry_run: bool) -> None:
    from rich.filesize import decimal  # noqa: PLC0415

    from stedi_assets.lakehouse.cleaning import clean as remove_all  # noqa: PLC0415
    from stedi_assets.lakehouse.cleaning import plan_cleaning  # noqa: PLC0415

    cleaning = plan_cleaning(settings, tables)
    if cleaning.refused:
        reasons = "; ".join(f"{folder}: {reason}" for folder, reason in cleaning.refused)
        raise click.ClickException(
            f"Nothing was removed, because not all files are this program's. {reasons}. "
            "Move or remove the other files yourself."
        )
    if not cleaning.tables and not cleaning.entries:
        click.echo(f"There is nothing to remove at {cleaning.lakehouse}.")
        return
    for table in cleaning.tables:
        click.echo(f"{table.folder}: {len(table.files):,} files, {decimal(table.bytes)}")
    for entry in cleaning.entries:
        click.echo(f"AWS Glue: {settings.glue_database}.{entry}")
    total = f"{len(cleaning.tables)} tables with {cleaning.files:,} files, {decimal(cleaning.bytes)}"
    if cleaning.entries:
        total += f", and {len(cleaning.entries)} entries in AWS Glue"
    if dry_run:
        click.echo(f"Would be removed: {total}.")
        return
    if not yes:
        click.confirm(f"Remove {total}?", abort=True)
    is_database_removed = remove_all(cleaning, settings)
    click.echo(f"Removed: {total}{', and its database' if is_database_removed else ''}.")
