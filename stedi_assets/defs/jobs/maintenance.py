"""The maintenance jobs: deleting old versions of tables, and erasing a customer."""

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster

from stedi_assets.contract import RETENTION_DAYS
from stedi_assets.defs.assets import QUERIES
from stedi_assets.defs.definition import IO_MANAGER_KEY
from stedi_assets.defs.io_managers.lakehouse import failures_described

if TYPE_CHECKING:
    from stedi_assets.lakehouse.lakehouse import Lakehouse


def vacuum_tables(
    lakehouse: "Lakehouse", retention: timedelta, holder: str, *, dry_run: bool = False
) -> dict[str, int]:
    """Deletes the files that no table version within the retention needs, while no other run changes a table.

    Args:
        lakehouse: The lakehouse.
        retention: The age up to which a version stays readable.
        holder: The name of the run or the command. Other runs print it while they wait.
        dry_run: Whether to count the files only.

    Returns:
        From the folder of each table, below the lakehouse, to the number of deleted files.

    Raises:
        StediError: Another run does not end in time, or a file cannot be deleted.
    """
    # Imported here: a process that only loads the definitions opens no table.
    from stedi_assets.lakehouse.folders import table_folders  # noqa: PLC0415
    from stedi_assets.storage.vacuum import vacuum as vacuum_table  # noqa: PLC0415

    deleted = {}
    for table in table_folders(lakehouse.root):
        if not dry_run:
            lakehouse.hold(holder)
        deleted[table] = len(vacuum_table(lakehouse.root / table, retention, dry_run=dry_run))
    return deleted


@dagster.op(
    required_resource_keys={IO_MANAGER_KEY},
    config_schema={
        "retention_days": dagster.Field(
            dagster.Int, default_value=RETENTION_DAYS, description="How many days old versions stay readable."
        )
    },
)
def vacuum_every_table(context: dagster.OpExecutionContext) -> None:
    """Deletes the files of old versions of every table."""
    days = context.op_config["retention_days"]
    if days < 1:
        raise dagster.Failure(
            f"The retention of {days} days is less than a day. Only the command stedi vacuum allows that, with a flag."
        )
    with failures_described():
        deleted = vacuum_tables(_lakehouse(context), timedelta(days=days), f"run {context.run_id}")
    for table, files in deleted.items():
        context.log.info(f"{table}: {files} files deleted")


@dagster.job(description="Deletes the files of table versions past their retention, so that withdrawn rows are gone.")
def vacuum() -> None:
    """Deletes old versions."""
    vacuum_every_table()


ERASURE_REQUEST = {
    "customer": dagster.Field(str, description="The keyed hash that `stedi erase EMAIL` prints; never the email."),
    "requested_by": dagster.Field(str, description="The person who requested the erasure."),
    "force": dagster.Field(
        bool, default_value=False, description="Whether to erase even if the plan removes unusually many records."
    ),
    "all_object_versions": dagster.Field(
        bool, default_value=False, description="Whether to delete old object versions in versioned buckets too."
    ),
}


@dagster.op(required_resource_keys={IO_MANAGER_KEY}, config_schema=ERASURE_REQUEST)
def erase_from_every_table(context: dagster.OpExecutionContext) -> None:
    """Erases one customer, whom the configuration names by a keyed hash."""
    # Imported here: a process that only loads the definitions does not need DuckDB.
    from stedi_assets.erasure.erase import erase  # noqa: PLC0415
    from stedi_assets.erasure.plan import find_email, plan_erasure, refuse_unusual  # noqa: PLC0415

    config = context.op_config
    lakehouse = _lakehouse(context)
    with failures_described():
        # Held before the lookup: another run may be about to land a new identifier of the customer.
        lakehouse.hold(f"run {context.run_id}")
        plan = plan_erasure(lakehouse, find_email(lakehouse, config["customer"]))
        if not config["force"]:
            refuse_unusual(plan)
        certificate = erase(
            lakehouse,
            plan,
            QUERIES,
            config["requested_by"],
            context.run_id,
            all_object_versions=config["all_object_versions"],
        )
    context.log.info(certificate.text)
    if not certificate.is_complete:
        raise dagster.Failure(
            "The erasure is incomplete: the certificate in the log says where the customer is still named."
        )


@dagster.config_mapping(config_schema=ERASURE_REQUEST)
def erasure_request(request: dict[str, object]) -> dict[str, object]:
    """Takes the request alone: another lakehouse than the configured one is nobody's to name in a form."""
    return {"ops": {"erase_from_every_table": {"config": request}}}


@dagster.job(
    description="Erases a customer from the raw files, every table and every version, and verifies it.",
    config=erasure_request,
)
def erase_customer() -> None:
    """Erases a customer."""
    erase_from_every_table()


WEEKLY_VACUUM = dagster.ScheduleDefinition(
    name="weekly_vacuum",
    job=vacuum,
    cron_schedule="0 3 * * 0",
    default_status=dagster.DefaultScheduleStatus.STOPPED,
    description="Deletes old versions on Sundays at 3:00 UTC.",
)


def _lakehouse(context: dagster.OpExecutionContext) -> "Lakehouse":
    lakehouse: Lakehouse = getattr(context.resources, IO_MANAGER_KEY).lakehouse
    return lakehouse
