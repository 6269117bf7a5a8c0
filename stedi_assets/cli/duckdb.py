"""stedi duckdb: writes a DuckDB file with one view for each table."""

from pathlib import Path

import click

from stedi_assets.cli.force import force_option, refuse_existing


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@force_option
def duckdb(file: Path, force: bool) -> None:
    """Writes a DuckDB file with one view for each table.

    The file is for DuckDB's own shell and UI. Its views read the tables' current files: write it again after a run.

    Example: stedi duckdb lakehouse.duckdb && duckdb -ui lakehouse.duckdb
    """
    refuse_existing([file], force=force)
    from stedi_assets.console.view_file import write_view_file  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    settings = read_settings()
    names = write_view_file(settings, file)
    click.echo(f"{file}: one view for each of {', '.join(names)}")
    if not settings.lakehouse.is_local:
        click.echo(
            "The views read a bucket, and the file contains no credentials. In DuckDB, first run: INSTALL httpfs; "
            "LOAD httpfs; INSTALL aws; LOAD aws; CREATE SECRET (TYPE s3, PROVIDER credential_chain);"
        )
