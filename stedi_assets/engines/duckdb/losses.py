"""Values that DuckDB's JSON reader may have changed: how it reads each type, and how such values are found."""

import math
from collections.abc import Iterable, Iterator

from stedi_assets.contract import Column
from stedi_assets.engines.duckdb.text import identifier
from stedi_assets.engines.engine import Written
from stedi_assets.salvage.values import EXACT_INTEGERS
from stedi_assets.storage.delta import DataFile

EXAMPLES = {"VARCHAR": "text", "BIGINT": 0.5, "DOUBLE": 0.5}
"""From a type of the contract to a value of the example file, from which DuckDB infers the type to read. A BIGINT is
read as DOUBLE too, because DuckDB rounds 1.5 to a BIGINT without an error."""

MAY_BE_CHANGED = {
    # A double from 1 - 2**53 to 2**53 - 1 stands for one integer only. Beyond, several integers in a file become the
    # same double. Infinity and NaN lie outside the range too: DuckDB sorts NaN above every number.
    "BIGINT": f"{{name}} NOT BETWEEN 1 - {EXACT_INTEGERS} AND {EXACT_INTEGERS} - 1",
    "DOUBLE": f"{{name}} NOT BETWEEN 1 - {EXACT_INTEGERS} AND {EXACT_INTEGERS} - 1",
    # DuckDB converts a value without quotes to text, which may differ from the text in the file. The ranges are cheap
    # prefilters by the first character, so that few values get as far as the regular expressions. They select:
    #   '-' to ':'  a minus or a digit: a number, such as 1.50 or 1e3. A positive integer of at most 18 digits is spelt
    #               the same in the file; a 0 may have been -0. Also NaN and Infinity with a minus.
    #   'I' to 'o'  I, N, i or n: NaN and Infinity, which DuckDB reads though JSON lacks them.
    #   '[' to '\'  an array.  '{' to '|'  an object.  The words of JSON's booleans are compared as a whole.
    # A text in quotes may look the same, such as "12.5". Its file is then read exactly without need, but not wrongly.
    "VARCHAR": "{name} >= '-' AND {name} < ':' AND NOT regexp_full_match({name}, '[1-9][0-9]{{0,17}}') "
    "AND regexp_full_match({name}, '-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?|(?i:-nan|-inf|-infinity)') "
    "OR {name} >= 'I' AND {name} < 'o' AND regexp_full_match({name}, '(?i:nan|inf|infinity)') "
    "OR {name} >= '[' AND {name} < '\\' OR {name} >= '{{' AND {name} < '|' OR {name} = 'true' OR {name} = 'false'",
}
"""From a column's type to the SQL condition under which the strict reader may have changed a stored value."""

STORED = {
    "VARCHAR": "{name}",
    # The CAST is within the CASE: around the CASE, the check costs three times as much.
    "BIGINT": "CASE WHEN {name} <> trunc({name}) THEN error('a number that is not whole') "
    "ELSE CAST({name} AS BIGINT) END",
    # -0.0 becomes 0.0, as in the exact reader.
    "DOUBLE": "{name} + 0e0",
}
"""From a column's type to the SQL expression that converts a value of the strict reader to that type."""


def stored_column(column: Column) -> str:
    """Returns the SQL expression of a column, converted from the value of the strict reader."""
    return f"{STORED[column.type].format(name=identifier(column.name))} AS {identifier(column.name)}"


def loss_conditions(written: Written, column: Column) -> Iterator[str]:
    """Yields SQL conditions for values that were changed or lost, unless the statistics rule such values out."""
    if column.required and any(file.statistics["nullCount"][column.name] for file in written.files):
        yield f"{identifier(column.name)} IS NULL"
    bounds = (_bounds(file, column) for file in written.files)
    is_exact = all(least > -EXACT_INTEGERS and greatest < EXACT_INTEGERS for least, greatest in bounds)
    if column.type == "VARCHAR" or not is_exact:
        yield MAY_BE_CHANGED[column.type].format(name=identifier(column.name))


def may_be_booleans(written: Written, columns: Iterable[Column]) -> bool:
    """Whether the statistics allow a 0 or a 1 in a number column: the strict reader stores false and true as these."""
    numbers = [column for column in columns if column.type != "VARCHAR"]
    bounds = (_bounds(file, column) for file in written.files for column in numbers)
    return any(least <= 1 and greatest >= 0 for least, greatest in bounds)


def _bounds(file: DataFile, column: Column) -> tuple[float, float]:
    """Returns the least and the greatest value of a number column in a file; (inf, -inf) if all values are null."""
    if file.statistics["nullCount"][column.name] == file.rows:
        return math.inf, -math.inf
    # `write_parquet` leaves out the bounds of a column with a NaN: it may hold any value.
    least, greatest = (file.statistics[bound] for bound in ("minValues", "maxValues"))
    return least.get(column.name, -math.inf), greatest.get(column.name, math.inf)
