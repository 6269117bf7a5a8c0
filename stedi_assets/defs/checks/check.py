"""A check in Dagster, and the ways to make one.

A check counts in SQL, on the engine that holds the table. It never loads the table's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import dagster

from stedi_assets.lakehouse.check import Check, CheckResult, Findings

if TYPE_CHECKING:
    from stedi_assets.lakehouse.lakehouse import Lakehouse

WHAT_TO_DO = "what_to_do"
"""The metadata of a failed check that holds the remedy."""


def check_spec(check: Check, table: str) -> dagster.AssetCheckSpec:
    """Returns the definition of a check of a table."""
    return dagster.AssetCheckSpec(check.name, asset=table, description=check.description, blocking=check.blocking)


def check_result(result: CheckResult, table: str) -> dagster.AssetCheckResult:
    """Returns the result of a check of a table as Dagster's.

    Returns:
        The verdict, with the findings that are not blank as metadata, and the remedy where it failed. A failure is an
        error if it blocks, else a warning.
    """
    check = result.check
    findings = {name: found for name, found in result.findings.items() if found != ""}
    remedy = {} if result.passed else {WHAT_TO_DO: check.what_to_do}
    return dagster.AssetCheckResult(
        asset_key=table,
        check_name=check.name,
        passed=result.passed,
        severity=dagster.AssetCheckSeverity.WARN if check.warns(result.findings) else dagster.AssetCheckSeverity.ERROR,
        metadata={**findings, **remedy},
    )


def counts(sql: str, *names: str) -> Callable[[Lakehouse], Findings]:
    """Makes a function that computes the findings of a check from counts.

    Args:
        sql: A SELECT of one row of counts.
        names: The columns to keep. By default all.
    """

    def find(lakehouse: Lakehouse) -> Findings:
        (row,) = lakehouse.rows(sql)
        return {name: int(row[name]) for name in names or row}

    return find


def row_count(lakehouse: Lakehouse, table: str) -> int:
    """Returns the number of rows of a table, from its log where the log has it."""
    rows = lakehouse.content(table).rows
    return int(lakehouse.rows(f"SELECT count(*) AS row_count FROM {table}")[0]["row_count"]) if rows is None else rows


def nothing(findings: Findings) -> bool:
    """Whether all findings are 0 or empty."""
    return not any(findings.values())


def none_found(
    name: str,
    description: str,
    sql: str,
    *,
    blocking: bool = True,
    by_instant: Sequence[str] = (),
    follows_customers: bool = True,
) -> Check:
    """Makes a check that passes where all counts are 0.

    Args:
        name: The check's name.
        description: The rule, and what to do.
        sql: A SELECT of one row of counts.
        blocking: Whether a count above 0 means wrong or leaked data.
        by_instant: See `Check`.
        follows_customers: See `Check`.
    """
    return Check(name, description, blocking, counts(sql), nothing, [sql], by_instant, follows_customers)


def some_found(name: str, description: str, sql: str) -> Check:
    """Makes a warning that passes where a count is above 0.

    Args:
        name: The check's name.
        description: The rule, and what to do.
        sql: A SELECT of one row of counts.
    """
    return Check(name, description, False, counts(sql), lambda findings: not nothing(findings), [sql])


def same_rows(
    table: str, key: str, recomputed: str, by_instant: Sequence[str] = (), *, follows_customers: bool = True
) -> Check:
    """Makes the check that a table has as many rows for each value of a key as another computation gives.

    Args:
        table: The table's name.
        key: The column to group by.
        recomputed: A SELECT of the columns group_key and group_rows, by another route than the asset's own SELECT.
        by_instant: See `Check`.
        follows_customers: See `Check`.
    """
    return none_found(
        "has_recomputed_rows",
        f"For each {key}, the number of rows equals a count of the tables upstream. Materialize them and this table "
        "again.",
        f"""
        WITH stored AS (
            SELECT stored_row.{key} AS group_key, count(*) AS group_rows
            FROM {table} AS stored_row GROUP BY stored_row.{key}
        ),
        recomputed AS ({recomputed})
        SELECT
            coalesce(sum(CASE WHEN stored.group_rows > coalesce(recomputed.group_rows, 0) THEN 1 END), 0)
                AS groups_with_too_many_rows,
            coalesce(sum(CASE WHEN recomputed.group_rows > coalesce(stored.group_rows, 0) THEN 1 END), 0)
                AS groups_with_too_few_rows
        FROM stored FULL OUTER JOIN recomputed ON stored.group_key = recomputed.group_key
        """,
        by_instant=by_instant,
        follows_customers=follows_customers,
    )
