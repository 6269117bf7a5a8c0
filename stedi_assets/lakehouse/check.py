"""One check of one table, without Dagster."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stedi_assets.lakehouse.lakehouse import Lakehouse

Findings = Mapping[str, int | str]
"""From the name of a finding to a number, or to names of columns or files; never a value of a personal column."""


@dataclass(frozen=True)
class Check:
    """One check of one table.

    Attributes:
        name: The rule, as a phrase.
        description: The rule as a sentence, and then the remedy of a failure.
        blocking: Whether a failure means wrong or leaked data, so that nothing downstream may be built.
        find: Computes the findings, on the engine that holds the table.
        passes: Whether the findings satisfy the rule.
    """

    name: str
    description: str
    blocking: bool
    find: Callable[[Lakehouse], Findings]
    passes: Callable[[Findings], bool]

    @property
    def what_to_do(self) -> str:
        """The remedy of a failure."""
        _, _, remedy = self.description.partition(". ")
        return remedy


Checks = Mapping[str, Sequence[Check]]
"""From a table's name to its checks."""
