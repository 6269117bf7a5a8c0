"""The state of a table: what its current version follows from, and the findings of its checks.

A small file in the table's folder holds it, written after the commit. A table that needs no commit gets a new state
all the same: the next run then knows that the version follows from the newer inputs too. A missing or older state costs
time and nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from stedi_assets.lakehouse.plan import BUILT_FROM_KEY, BuiltFrom, identity
from stedi_assets.storage.attempt import STATE_FILE
from stedi_assets.storage.delta import RUN_KEY, newest_metadata

if TYPE_CHECKING:
    from stedi_assets.lakehouse.check import CheckResult, Findings
    from stedi_assets.lakehouse.lakehouse import Lakehouse

OUTCOMES = 20
"""For how many versions of a table its state keeps the outcomes of the checks."""


@dataclass(frozen=True)
class KnownFindings:
    """The findings of a check, and what they follow from.

    Attributes:
        rule: The digest of the check's statements.
        inputs: From each table of the statements to the identity of its version.
        tombstones: The digest of the tombstones of erased customers; empty where the statements do not depend on them.
        findings: The findings.
    """

    rule: str
    inputs: Mapping[str, str]
    tombstones: str
    findings: Findings


@dataclass(frozen=True)
class State:
    """The state of a table.

    Attributes:
        version: The identity of the table's version.
        run_id: The run that committed the version.
        built_from: What the version follows from; None where another program committed it.
        findings: From a check's name to its findings.
        vacuumed: When the table was vacuumed, in milliseconds since 1970; 0 where that is not known.
        outcomes: From the identity of a version to the number of its checks with each status, for the last `OUTCOMES`
            versions, the oldest first.
    """

    version: str
    run_id: str
    built_from: BuiltFrom | None
    findings: Mapping[str, KnownFindings] = field(default_factory=dict)
    vacuumed: int = 0
    outcomes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def read_state(lakehouse: Lakehouse, name: str) -> State | None:
    """Returns the state of the version of a table that queries read; None where the table does not exist.

    Raises:
        StediError: The table cannot be read.
    """
    table = lakehouse.find(name)
    if table is None:
        return None
    version = identity(lakehouse, name)
    stored = _parsed(lakehouse.root.files.read(f"{lakehouse.folder(name)}/{STATE_FILE}"))
    if stored is not None and stored.version == version:
        return stored
    last_commit = newest_metadata(table)
    text = last_commit.get(BUILT_FROM_KEY)
    outcomes = {} if stored is None else stored.outcomes
    return State(version, last_commit.get(RUN_KEY, ""), BuiltFrom.from_json(text) if text else None, outcomes=outcomes)


def with_outcome(state: State, results: Iterable[CheckResult]) -> Mapping[str, Mapping[str, int]]:
    """Returns the outcomes of a table's checks, with those of its version.

    Args:
        state: The state of the version.
        results: The results of all checks of the version; none where a commit was made without checks.
    """
    found: Counter[str] = Counter(result.status for result in results)
    if not found:
        return state.outcomes
    earlier = {version: outcome for version, outcome in state.outcomes.items() if version != state.version}
    return dict([*earlier.items(), (state.version, dict(found))][-OUTCOMES:])


def write_state(lakehouse: Lakehouse, name: str, state: State) -> None:
    """Writes the state of a table.

    Raises:
        StediError: The store refuses.
    """
    content = json.dumps(asdict(state), separators=(",", ":")).encode()
    lakehouse.root.files.write(f"{lakehouse.folder(name)}/{STATE_FILE}", content)


def _parsed(content: bytes | None) -> State | None:
    try:
        values: dict[str, Any] = json.loads(content or b"null")
        if values is None:
            return None
        built_from = values.pop("built_from")
        findings = {name: KnownFindings(**known) for name, known in values.pop("findings").items()}
        return State(**values, built_from=built_from and BuiltFrom(**built_from), findings=findings)
    except (ValueError, TypeError, KeyError, AttributeError):
        # An older or a newer release of this program wrote the file, or it is damaged.
        return None
