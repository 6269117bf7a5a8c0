"""stedi erase: erases a customer."""

import getpass
import json
import uuid
from dataclasses import asdict

import click


@click.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do it. Without this, nothing is changed.")
@click.option("--requested-by", default=getpass.getuser, help="Who asked for it; the user's name where not given.")
@click.option("--all-object-versions", is_flag=True, help="Delete what a bucket with versioning keeps of old objects.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def erase(email: str, yes: bool, requested_by: str, all_object_versions: bool, as_json: bool) -> None:
    """Erases a customer from the raw files, every table and every version of it, and verifies it.

    Without --yes it only counts what would go. No run may write the lakehouse meanwhile. An erasure that broke off is
    completed by erasing again. It needs STEDI_PSEUDONYM_KEY, under which a later delivery of the customer stays out.

    Example: stedi erase ada@example.com --yes --requested-by "ticket 7"
    """
    from stedi_assets import erasure  # noqa: PLC0415
    from stedi_assets.run import open_lakehouse  # noqa: PLC0415

    with open_lakehouse() as lakehouse:
        customer = erasure.find_customer(lakehouse, email)
        if not yes:
            _show_plan(erasure.keyed_hash(lakehouse, email), erasure.plan(lakehouse, customer), as_json=as_json)
            return
        certificate = erasure.erase(
            lakehouse,
            customer,
            requested_by,
            str(uuid.uuid4()),
            all_object_versions=all_object_versions,
            progress=lambda step: click.echo(step, err=True),
        )
    click.echo(json.dumps(asdict(certificate)) if as_json else certificate.text)
    if not certificate.is_complete:
        raise click.exceptions.Exit(1)


def _show_plan(customer: str, records: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"customer": customer, "records_by_file": records}))
        return
    click.echo(f"The customer {customer} is named by")
    for path, count in records.items():
        click.echo(f"{count:>10,} records of {path}")
    click.echo(f"{sum(records.values()):>10,} records in all. Nothing was changed; --yes erases them.")
