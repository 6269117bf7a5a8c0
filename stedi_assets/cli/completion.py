"""stedi completion: prints a completion script; and the completion of a table's name in other commands."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from stedi_assets.contract import TABLES

if TYPE_CHECKING:
    from stedi_assets.console.tables import TableEntry
    from stedi_assets.storage.location import Location


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Prints a script for shell completion.

    With the script, the shell completes commands, options and the names of tables.

    In ~/.bashrc: eval "$(stedi completion bash)"

    In ~/.zshrc, after compinit: eval "$(stedi completion zsh)"

    Example: stedi completion fish > ~/.config/fish/completions/stedi.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "stedi", "_STEDI_COMPLETE").source())


def complete_table(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Returns the names of tables that begin with the given text, as click's `shell_complete` asks for them.

    Args:
        context: Unused.
        parameter: Unused.
        incomplete: The beginning of the name.

    Returns:
        The tables of the contract, and other tables if the lakehouse is on local disk.
    """
    # Imported here: the shell runs this program at every Tab.
    from stedi_assets.console.tables import other_entries  # noqa: PLC0415

    del context, parameter
    return [name for name in (*TABLES, *_names_on_disk(other_entries)) if name.startswith(incomplete)]


def complete_stored_table(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Returns the names of tables as `complete_table` does, and those of former tables on local disk."""
    from stedi_assets.console.tables import former_entries  # noqa: PLC0415

    former = [name for name in _names_on_disk(former_entries) if name.startswith(incomplete)]
    return [*complete_table(context, parameter, incomplete), *former]


def _names_on_disk(list_entries: "Callable[[Location], Sequence[TableEntry]]") -> list[str]:
    from stedi_assets.errors import StediError  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    try:
        lakehouse = read_settings().lakehouse
        # Listing a bucket may take a minute.
        return [entry.name for entry in list_entries(lakehouse)] if lakehouse.is_local else []
    except StediError:
        # A message would disturb the command line; the command itself will report the error.
        return []
