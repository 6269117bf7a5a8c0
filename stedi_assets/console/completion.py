"""Names of tables for a shell that completes a command line. Nothing heavy is imported, for the user waits."""

import click

from stedi_assets.contract import TABLES


def complete_table(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Completes the name of a table.

    Args:
        context: Unused.
        parameter: Unused.
        incomplete: What has been typed.

    Returns:
        The tables of the contract, and other people's where they are on local disk, that begin so.
    """
    del context, parameter
    return [name for name in (*TABLES, *_other_names()) if name.startswith(incomplete)]


def _other_names() -> list[str]:
    from stedi_assets.console.catalogue import other_entries  # noqa: PLC0415
    from stedi_assets.errors import StediError  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    try:
        lakehouse = read_settings().lakehouse
        # A bucket may let the user wait for a minute.
        return [entry.name for entry in other_entries(lakehouse)] if lakehouse.is_local else []
    except StediError:
        # This is no place for a message: the command itself will say it.
        return []
