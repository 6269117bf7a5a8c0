"""The option --force: a command replaces an existing file only with it."""

import os.path
from collections.abc import Sequence
from pathlib import Path

import click

force_option = click.option("--force", is_flag=True, help="Replace existing files.")


def refuse_existing(files: Sequence[Path], *, force: bool) -> None:
    """Refuses to replace files, unless the user allows it.

    Args:
        files: The files that a command is about to write.
        force: Whether --force was given.

    Raises:
        click.ClickException: One of the files exists.
    """
    # os.path answers where the file system refuses the name, which the write then reports.
    existing = [] if force else [file for file in files if os.path.exists(file.expanduser())]  # noqa: PTH110
    if existing:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        verb, them = ("exist", "them") if more else ("exists", "it")
        raise click.ClickException(f"The file {existing[0]}{more} {verb}. Give --force to replace {them}.")
