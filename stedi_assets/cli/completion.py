"""stedi completion: prints what makes a shell complete the command."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Prints a script that completes commands.

    The shell then completes commands, options and the names of tables.

    In ~/.bashrc: eval "$(stedi completion bash)"

    In ~/.zshrc, after compinit: eval "$(stedi completion zsh)"

    Example: stedi completion fish > ~/.config/fish/completions/stedi.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "stedi", "_STEDI_COMPLETE").source())
