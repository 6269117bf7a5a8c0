"""The expected rows of the tables: `expected_counts.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stedi_assets.contract import TABLES
from stedi_assets.errors import StediError

EXPECTED_COUNTS = "expected_counts.json"
"""The name of the file in a landing root."""

LANDING_FILES = "landing_files"
"""The key of the digest, among those of the tables."""


@dataclass(frozen=True)
class ExpectedCounts:
    """The expected rows of tables.

    Attributes:
        rows: From a table's name to its expected number of rows.
        landing_files: The `landing_digest` of the files that give these rows; None where whatever files there are
            should give them.
    """

    rows: Mapping[str, int]
    landing_files: str | None = None


def read_counts(file: Path) -> ExpectedCounts:
    """Reads the expected rows of tables.

    Args:
        file: A JSON file: an object from table to rows, with or without the digest of the landing files.

    Raises:
        StediError: The file is missing, is not a JSON object from table to whole number, or names a table that does not
            exist.
    """
    example = json.dumps({next(iter(TABLES)): 956})
    remedy = f"Correct it to a JSON object such as {example}, or unset STEDI_EXPECTED_COUNTS."
    try:
        counts = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise StediError(f"The expected counts cannot be read: {file}: {error.strerror}.", remedy) from None
    except ValueError:
        raise StediError(f"The expected counts are not JSON: {file}.", remedy) from None
    digest = counts.pop(LANDING_FILES, None) if isinstance(counts, dict) else None
    is_digest = digest is None or isinstance(digest, str)
    if not (is_digest and isinstance(counts, dict) and all(map(_is_count, counts.values()))):
        raise StediError(f"The expected counts are not an object from table to rows: {file}.", remedy)
    unknown = sorted(counts.keys() - TABLES.keys())
    if unknown:
        raise StediError(
            f"The expected counts name unknown tables: {', '.join(unknown)} in {file}.",
            f"The tables are {', '.join(TABLES)}.",
        )
    return ExpectedCounts(counts, digest)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def write_counts(file: Path, expected: ExpectedCounts) -> None:
    """Writes the expected rows of tables, as `read_counts` reads them."""
    written = {LANDING_FILES: expected.landing_files, **expected.rows}
    file.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8", newline="\n")
