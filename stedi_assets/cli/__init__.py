"""The `stedi` command, with one module for each subcommand."""

import click

from stedi_assets.cli.check import check
from stedi_assets.cli.clean import clean
from stedi_assets.cli.completion import completion
from stedi_assets.cli.ddl import ddl
from stedi_assets.cli.diff import diff
from stedi_assets.cli.duckdb import duckdb
from stedi_assets.cli.erase import erase
from stedi_assets.cli.group import OneLineGroup
from stedi_assets.cli.history import history
from stedi_assets.cli.optimize import optimize
from stedi_assets.cli.query import query
from stedi_assets.cli.report import report
from stedi_assets.cli.run import run
from stedi_assets.cli.sample_data import sample_data
from stedi_assets.cli.settings import settings
from stedi_assets.cli.tables import tables
from stedi_assets.cli.upload import upload
from stedi_assets.cli.vacuum import vacuum


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stedi_assets")
def main() -> None:
    """Builds a lakehouse of Step Trainer readings, and queries, reports and maintains it."""


COMMANDS = (
    check,
    clean,
    completion,
    ddl,
    diff,
    duckdb,
    erase,
    history,
    optimize,
    query,
    report,
    run,
    sample_data,
    settings,
    tables,
    upload,
    vacuum,
)

for command in COMMANDS:
    main.add_command(command)
