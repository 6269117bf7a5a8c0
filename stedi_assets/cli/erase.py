"""stedi erase: erases a customer."""

import getpass
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stedi_assets.erasure.plan import ErasurePlan


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container the user may be a number without a name.
        return str(os.getuid())


@click.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Erase. Without --yes, nothing is changed.")
@click.option("--requested-by", default=_user, help="Who asked for the erasure. By default your user name.")
@click.option("--force", is_flag=True, help="Erase even if the counts without --yes warn of something unusual.")
@click.option(
    "--all-object-versions", is_flag=True, help="Delete old object versions too, in a bucket with versioning."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def erase(email: str, yes: bool, requested_by: str, force: bool, all_object_versions: bool, as_json: bool) -> None:
    """Erases a customer from the raw files and from every version of every table, and verifies the erasure.

    Without --yes, the command only counts the customer's records. With --yes, it refuses an unusual erasure, such as
    one of more than half of a source's records; add --force to erase all the same. It waits for a run to end, and runs
    wait for it. To complete an interrupted erasure, run the command again. It needs STEDI_PSEUDONYM_KEY: a hash under
    this key keeps later deliveries of the customer out.

    Example: stedi erase ada@example.com --yes --requested-by "ticket 7"
    """
    from stedi_assets.cli.materialize import open_lakehouse  # noqa: PLC0415
    from stedi_assets.defs.assets import QUERIES  # noqa: PLC0415
    from stedi_assets.erasure.erase import erase as erase_planned  # noqa: PLC0415
    from stedi_assets.erasure.plan import count_rows, customer_hash, plan_erasure, refuse_unusual  # noqa: PLC0415

    run_id = str(uuid.uuid4())
    with open_lakehouse() as lakehouse:
        if yes:
            # Before the plan is made: a run in progress may add a record with a new identifier of the customer.
            lakehouse.hold(f"run {run_id}")
        plan = plan_erasure(lakehouse, email)
        if not yes:
            rows = count_rows(lakehouse, plan.customer.person)
            _show_plan(customer_hash(lakehouse, email), plan, rows, as_json=as_json)
            return
        if not force:
            refuse_unusual(plan)
        certificate = erase_planned(
            lakehouse,
            plan,
            QUERIES,
            requested_by,
            run_id,
            all_object_versions=all_object_versions,
            progress=lambda step: click.echo(step, err=True),
        )
    click.echo(json.dumps(asdict(certificate)) if as_json else certificate.text)
    if not certificate.is_complete:
        raise click.exceptions.Exit(1)


def _show_plan(customer: str, plan: "ErasurePlan", rows: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        counted = {"records_by_file": plan.records_by_file, "rows_by_table": rows}
        click.echo(json.dumps({"customer": customer, **counted, "unusual": plan.unusual, "not_seen": plan.not_seen}))
        return
    click.echo(f"The customer {customer} is named in")
    for path, count in plan.records_by_file.items():
        click.echo(f"{count:>10,} records of {path}")
    for table, count in rows.items():
        click.echo(f"{count:>10,} rows of {table}")
    if plan.not_seen:
        click.echo(f"Not seen: {len(plan.not_seen):,} archived raw files, which may name the customer too.")
    for sentence in plan.unusual:
        click.echo(f"Unusual: {sentence}")
    options = "--yes --force" if plan.unusual else "--yes"
    count = sum(plan.records_by_file.values())
    click.echo(f"{count:>10,} records in the raw files. Nothing was changed; {options} erases them.")
