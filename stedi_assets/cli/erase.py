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
        # In a container the user may be a number alone.
        return str(os.getuid())


@click.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do it. Without this, nothing is changed.")
@click.option("--requested-by", default=_user, help="Who asked for it; the user's name where not given.")
@click.option("--force", is_flag=True, help="Do it although the count without --yes says that something is unusual.")
@click.option("--all-object-versions", is_flag=True, help="Delete what a bucket with versioning keeps of old objects.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def erase(email: str, yes: bool, requested_by: str, force: bool, all_object_versions: bool, as_json: bool) -> None:
    """Erases a customer from the raw files, every table and every version of it, and verifies it.

    Without --yes it only counts what would go. With it, it does nothing where that is unusual, such as more than half
    of a source's records, unless --force is given too. It waits while a run is on, and runs wait for it. An erasure
    that broke off is completed by erasing again. It needs STEDI_PSEUDONYM_KEY, under which a later delivery of the
    customer stays out.

    Example: stedi erase ada@example.com --yes --requested-by "ticket 7"
    """
    from stedi_assets.cli.materialize import open_lakehouse  # noqa: PLC0415
    from stedi_assets.erasure.erase import erase as erase_planned  # noqa: PLC0415
    from stedi_assets.erasure.plan import count_rows, keyed_hash, plan_erasure, refuse_unusual  # noqa: PLC0415

    run_id = str(uuid.uuid4())
    with open_lakehouse() as lakehouse:
        if yes:
            # Before the customer is looked up: a run may be about to land a new device of theirs.
            lakehouse.hold(f"run {run_id}")
        plan = plan_erasure(lakehouse, email)
        if not yes:
            rows = count_rows(lakehouse, plan.customer.person)
            _show_plan(keyed_hash(lakehouse, email), plan, rows, as_json=as_json)
            return
        if not force:
            refuse_unusual(plan)
        certificate = erase_planned(
            lakehouse,
            plan,
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
        click.echo(json.dumps({"customer": customer, **counted, "unusual": plan.unusual}))
        return
    click.echo(f"The customer {customer} is named by")
    for path, count in plan.records_by_file.items():
        click.echo(f"{count:>10,} records of {path}")
    for table, count in rows.items():
        click.echo(f"{count:>10,} rows of {table}")
    for sentence in plan.unusual:
        click.echo(f"Unusual: {sentence}")
    remedy = "--yes --force erases them" if plan.unusual else "--yes erases them"
    click.echo(f"{sum(plan.records_by_file.values()):>10,} records in all. Nothing was changed; {remedy}.")
