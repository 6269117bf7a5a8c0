"""One check of a table, and the ways to make it.

A check counts in SQL, on the engine that holds the table; it never loads a table's rows. What it finds goes into the
check's metadata: numbers and column names, never a value of a personal column.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import dagster

from stedi_assets.contract import Source
from stedi_assets.landing.ledger import Ledger

Findings = Mapping[str, int | str]

WHAT_TO_DO = "what_to_do"
"""The metadata of a failed check that says what to do."""


class Lakehouse(Protocol):
    """What a check asks of the I/O manager that holds the table."""

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Computes a query whose result is small."""
        ...

    def columns(self, name: str) -> dict[str, str]:
        """Returns a table's columns, from name to Delta type."""
        ...

    def ledger(self, name: str) -> Ledger:
        """Returns which raw files a landing table holds, and what became of each."""
        ...

    def passed_over(self, source: Source) -> Mapping[str, str]:
        """Returns what a landing folder holds that is not read, from name to reason."""
        ...


@dataclass(frozen=True)
class Check:
    """One check of one table.

    Attributes:
        name: What it asserts, as a phrase.
        description: The rule as one sentence, and then what to do when it fails.
        blocking: Whether its failure means wrong or leaked data, so that nothing downstream may be built.
        find: Looks into the lakehouse for what the rule is about.
        passes: Whether the findings satisfy the rule.
    """

    name: str
    description: str
    blocking: bool
    find: Callable[[Lakehouse], Findings]
    passes: Callable[[Findings], bool]

    @property
    def what_to_do(self) -> str:
        """What to do when it fails."""
        _, _, advice = self.description.partition(". ")
        return advice

    def spec(self, table: str) -> dagster.AssetCheckSpec:
        """Returns the check as Dagster knows it before it runs.

        Args:
            table: The table's name.
        """
        return dagster.AssetCheckSpec(self.name, asset=table, description=self.description, blocking=self.blocking)

    def result(self, table: str, lakehouse: Lakehouse) -> dagster.AssetCheckResult:
        """Runs the check.

        Args:
            table: The table's name.
            lakehouse: Where the table is.

        Returns:
            Whether it passed, with the findings as metadata, and where it failed with what to do. A failure is an error
            if the check blocks, else a warning.
        """
        findings = self.find(lakehouse)
        passed = self.passes(findings)
        advice = {} if passed else {WHAT_TO_DO: self.what_to_do}
        return dagster.AssetCheckResult(
            asset_key=table,
            check_name=self.name,
            passed=passed,
            severity=dagster.AssetCheckSeverity.ERROR if self.blocking else dagster.AssetCheckSeverity.WARN,
            metadata={**findings, **advice},
        )


def counts(sql: str, *names: str) -> Callable[[Lakehouse], Findings]:
    """Makes what finds counts.

    Args:
        sql: A SELECT of one row of counts.
        names: Those of its columns that matter; by default all.
    """

    def find(lakehouse: Lakehouse) -> Findings:
        (row,) = lakehouse.rows(sql)
        return {name: int(row[name]) for name in names or row}

    return find


def nothing(findings: Findings) -> bool:
    """Says whether all findings are 0 or empty."""
    return not any(findings.values())


def none_found(name: str, description: str, sql: str, *, blocking: bool = True) -> Check:
    """Makes the check that something which should not be there is not.

    Args:
        name: The check's name.
        description: The rule, and what to do.
        sql: A SELECT of one row of counts, each 0 when all is well.
        blocking: Whether a count above 0 means wrong or leaked data.
    """
    return Check(name, description, blocking, counts(sql), nothing)


def some_found(name: str, description: str, sql: str) -> Check:
    """Makes the check, a warning when it fails, that something which should be there is.

    Args:
        name: The check's name.
        description: The rule, and what to do.
        sql: A SELECT of one row of counts, not all 0 when all is well.
    """
    return Check(name, description, False, counts(sql), lambda findings: not nothing(findings))


def same_rows(table: str, key: str, recomputed: str) -> Check:
    """Makes the check that a table has, for each value of a key, as many rows as computed another way.

    Args:
        table: The table's name.
        key: The column to group by.
        recomputed: A SELECT of the columns group_key and group_rows, by another route than the asset's own SELECT.
    """
    return none_found(
        "has_the_rows_computed_another_way",
        f"Has as many rows for each {key} as counts of the tables before it give. Materialize those and this again.",
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
    )


CONSENTING_CUSTOMERS = """
    SELECT customer.email, customer.serialNumber, count(*) AS records
    FROM customer_landing AS customer
    LEFT JOIN (
        SELECT blank.email, max(coalesce(blank.lastUpdateDate, 0)) AS updatedAt
        FROM customer_landing AS blank
        WHERE coalesce(blank.shareWithResearchAsOfDate, 0) = 0
        GROUP BY blank.email
    ) AS refusal ON refusal.email = customer.email
    WHERE refusal.email IS NULL OR coalesce(customer.lastUpdateDate, 0) > refusal.updatedAt
    GROUP BY customer.email, customer.serialNumber
"""
"""The landing records with consent of each customer and device: those later than the customer's last without."""
