"""stedi ddl: prints CREATE statements."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stedi_assets.cli.force import force_option, refuse_existing
from stedi_assets.contract import SOURCES, TABLES

if TYPE_CHECKING:
    from stedi_assets.catalog.ddl import Dialect


@click.command()
@click.argument("tables", metavar="[TABLE]...", nargs=-1, type=click.Choice([*SOURCES, *TABLES]))
@click.option(
    "--dialect",
    type=click.Choice(["athena", "spark", "duckdb"]),
    default="athena",
    show_default=True,
    help="The program that will run the statements.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for one file per statement, instead of printing.",
)
@force_option
def ddl(tables: tuple[str, ...], dialect: "Dialect", output: Path | None, force: bool) -> None:
    """Prints CREATE statements for the raw files and the tables at STEDI_LANDING and STEDI_LAKEHOUSE.

    TABLE is a table, or one of {sources} for the raw JSON. By default the command prints all statements.

    Example: stedi ddl {table} --dialect duckdb
    """
    from stedi_assets.catalog.ddl import (  # noqa: PLC0415
        EXAMPLE_LAKEHOUSE,
        EXAMPLE_LANDING,
        create_statement,
    )
    from stedi_assets.settings import read_settings  # noqa: PLC0415
    from stedi_assets.storage.location import Location  # noqa: PLC0415

    settings = read_settings()
    landing, lakehouse = settings.landing, settings.lakehouse
    if dialect == "athena" and (landing.is_local or lakehouse.is_local):
        landing = Location.parse(EXAMPLE_LANDING) if landing.is_local else landing
        lakehouse = Location.parse(EXAMPLE_LAKEHOUSE) if lakehouse.is_local else lakehouse
        click.echo(
            f"-- Athena reads only buckets: {EXAMPLE_LANDING} stands for yours. Set STEDI_LANDING and STEDI_LAKEHOUSE.",
            err=True,
        )
    statements = {name: create_statement(name, dialect, landing, lakehouse) for name in tables or [*SOURCES, *TABLES]}
    if output is None:
        click.echo("\n".join(statements.values()), nl=False)
        return
    files = {output / f"{name}.sql": statement for name, statement in statements.items()}
    refuse_existing(list(files), force=force)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for file, statement in files.items():
            file.write_text(statement, "utf-8")
    except OSError as error:
        # An error of a write, such as a full disk, has no file name.
        raise click.ClickException(f"{error.filename or output}: {error.strerror}.") from None
