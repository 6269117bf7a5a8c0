"""stedi run: materializes assets."""

import json
import os

import click

from stedi_assets.cli.group import is_debugging
from stedi_assets.runs.collector import rarely_collecting


@click.command()
@click.option("--select", default="*", show_default=True, help="Which assets, in Dagster's selection syntax.")
@click.option(
    "--partition", metavar="KEY", help="Which partition of the assets with partitions. No other asset is materialized."
)
@click.option(
    "-m",
    "--module-name",
    "module",
    metavar="MODULE",
    help="The module of the code location, which merges these definitions with its own. By default STEDI_MODULE.",
)
@click.option("--plan", is_flag=True, help="Print how much of each table a run would compute, and why. Run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the results, or the plan, as JSON.")
def run(select: str, partition: str | None, module: str | None, plan: bool, as_json: bool) -> None:
    """Materializes assets and prints what came of it.

    A table is computed as far as its inputs have changed. It is published if its blocking checks pass; otherwise it
    stays as it was. The run is recorded in $DAGSTER_HOME, where there is one.

    Example: stedi run --select '+key:{table}'

    Example: stedi run --plan

    Example: stedi run -m my_package.definitions --select my_asset --partition 2024-01-31
    """
    if plan and partition is not None:
        raise click.UsageError("An asset with partitions has no plan: leave out --plan or --partition")
    if module is not None:
        # In the environment, because the processes of the multiprocess executor load the module too.
        os.environ["STEDI_MODULE"] = module
    with rarely_collecting():
        if plan:
            _print_plan(select, as_json=as_json)
            return
        # Imported here: it imports Dagster, which the other commands and --help need not wait for.
        from stedi_assets.cli.materialize import materialize  # noqa: PLC0415

        is_built = materialize(select, partition, as_json=as_json, shows_traces=is_debugging())
    if not is_built:
        raise click.exceptions.Exit(1)


def _print_plan(select: str, *, as_json: bool) -> None:
    from stedi_assets.cli.materialize import planned  # noqa: PLC0415
    from stedi_assets.console.plans import plan_json, plan_rows  # noqa: PLC0415
    from stedi_assets.console.screen import stdout_console  # noqa: PLC0415

    plans = planned(select)
    if as_json:
        click.echo(json.dumps(plan_json(plans), indent=2))
    else:
        stdout_console().print(plan_rows(plans))
