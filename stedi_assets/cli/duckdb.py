"""stedi duckdb: writes a DuckDB file with a view a table."""

from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def duckdb(file: Path, force: bool) -> None:
    """Writes a DuckDB file with a view a table.

    It is for DuckDB's own shell and UI. The views read the files of the versions that are current now: write the file
    again after a run.

    Example: stedi duckdb lakehouse.duckdb && duckdb -ui lakehouse.duckdb
    """
    if file.exists() and not force:
        raise click.ClickException(f"The file {file} exists. Give --force to replace it.")
    from stedi_assets.console.view_file import write_view_file  # noqa: PLC0415
    from stedi_assets.settings import read_settings  # noqa: PLC0415

    settings = read_settings()
    names = write_view_file(settings, file)
    click.echo(f"{file}: a view for each of {', '.join(names)}")
    if not settings.lakehouse.is_local:
        click.echo(
            "The views read a bucket, and the file holds no secret. In DuckDB, first: INSTALL httpfs; LOAD httpfs; "
            "INSTALL aws; LOAD aws; CREATE SECRET (TYPE s3, PROVIDER credential_chain);"
        )
