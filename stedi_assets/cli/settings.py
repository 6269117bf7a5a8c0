"""stedi settings: prints the settings."""

import json
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


@click.command()
@click.option("--markdown", is_flag=True, help="Print the defaults as a table in Markdown.")
def settings(markdown: bool) -> None:
    """Prints every STEDI_ variable with its current value and its meaning.

    Example: stedi settings
    """
    from rich.table import Table  # noqa: PLC0415

    from stedi_assets.console.screen import printable_text, stdout_console  # noqa: PLC0415
    from stedi_assets.settings import ENVIRONMENT_PREFIX, Settings, project_folder, read_settings  # noqa: PLC0415

    described = {name: field for name, field in Settings.model_fields.items() if field.description}
    variables = {name: f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in described}
    if markdown:
        click.echo("| variable | default | what it sets |\n| --- | --- | --- |")
        for name, field in described.items():
            default = _format_value(field.get_default(call_default_factory=True))
            # A path in the project is printed relative to it, so that the table is the same on every machine.
            default = default and f"`{default.removeprefix(f'{project_folder()}/')}`"
            click.echo(f"| `{variables[name]}` | {default} | {_describe(field)} |")
        return
    values = read_settings()
    table = Table("variable", "value", "what it sets")
    for name, field in described.items():
        table.add_row(variables[name], printable_text(_format_value(getattr(values, name))), _describe(field))
    stdout_console().print(table)


def _describe(field: "FieldInfo") -> str:
    legal = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return f"{field.description} One of {', '.join(legal)}." if legal else str(field.description)


def _format_value(value: Any) -> str:
    if isinstance(value, dict | tuple):
        # Only the names of options: the values may contain a secret.
        return ", ".join(value)
    if isinstance(value, bool):
        return json.dumps(value)
    return "" if value is None else str(value)
