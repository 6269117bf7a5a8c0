"""Values that DuckDB's JSON reader may have changed: how it reads each type, and how such values are found."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from stedi_assets.contract import Column
from stedi_assets.engines.duckdb.text import identifier
from stedi_assets.engines.engine import Written
from stedi_assets.salvage.decimals import DecimalType, decimal_type
from stedi_assets.salvage.moments import DATE, FIRST_DAY, FIRST_INSTANT, LAST_INSTANT, TIMESTAMP
from stedi_assets.salvage.values import EXACT_FLOATS, EXACT_INTEGERS
from stedi_assets.storage.delta import DataFile

EXACT_BELOW = {
    "INTEGER": EXACT_INTEGERS,
    "BIGINT": EXACT_INTEGERS,
    "FLOAT": EXACT_FLOATS,
    "DOUBLE": EXACT_INTEGERS,
}
"""From a type that is read as DOUBLE to the bound from which on different integers in a file become the same value."""

EXAMPLES: Mapping[str, str | float] = {
    **dict.fromkeys(EXACT_BELOW, 0.5),
    **dict.fromkeys(("VARCHAR", "DATE", "TIMESTAMP"), "text"),
}
"""From a type of the contract to a value of the example file, from which DuckDB infers the type to read. A BIGINT is
read as DOUBLE too, because DuckDB rounds 1.5 to a BIGINT without an error. A column of any other type is null in the
example: DuckDB then reads it as JSON, which keeps a text's quotes and tells true from 1."""

# DuckDB converts a value without quotes to text, which may differ from the text in the file. The ranges are cheap
# prefilters by the first character, so that few values get as far as the regular expressions. They select:
#   '-' to ':'  a minus or a digit: a number, such as 1.50 or 1e3. A positive integer of at most 18 digits is spelt
#               the same in the file; a 0 may have been -0. Also NaN and Infinity with a minus.
#   'I' to 'o'  I, N, i or n: NaN and Infinity, which DuckDB reads though JSON lacks them.
#   '[' to '\'  an array.  '{' to '|'  an object.  The words of JSON's booleans are compared as a whole.
# A text in quotes may look the same, such as "12.5". Its file is then read exactly without need, but not wrongly.
TEXT_MAY_BE_CHANGED = (
    "{name} >= '-' AND {name} < ':' AND NOT regexp_full_match({name}, '[1-9][0-9]{{0,17}}') "
    "AND regexp_full_match({name}, '-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?|(?i:-nan|-inf|-infinity)') "
    "OR {name} >= 'I' AND {name} < 'o' AND regexp_full_match({name}, '(?i:nan|inf|infinity)') "
    "OR {name} >= '[' AND {name} < '\\' OR {name} >= '{{' AND {name} < '|' OR {name} = 'true' OR {name} = 'false'"
)
"""The SQL condition under which the strict reader may have changed a stored text."""


def _whole(sql_type: str, name: str) -> str:
    # The CAST is within the CASE: around the CASE, the check costs three times as much.
    refused = f"WHEN {name} <> trunc({name}) THEN error('a number that is not whole')"
    return f"CASE {refused} ELSE CAST({name} AS {sql_type}) END"


def _if(condition: str, stored: str, name: str) -> str:
    return f"CASE WHEN {condition} THEN {stored} WHEN {name} IS NOT NULL THEN error('a value of another type') END"


def _boolean(name: str) -> str:
    return _if(f"""{name} IN ('true', '"true"', 'false', '"false"')""", f"""{name} IN ('true', '"true"')""", name)


def _date(name: str) -> str:
    return _if(f"regexp_full_match({name}, '{DATE}') AND {name} >= '{FIRST_DAY}'", f"CAST({name} AS DATE)", name)


def _timestamp(name: str) -> str:
    instant = f"CAST({name} AS TIMESTAMPTZ)"
    first, last = f"TIMESTAMPTZ '{FIRST_INSTANT}'", f"TIMESTAMPTZ '{LAST_INSTANT}'"
    return _if(f"regexp_full_match({name}, '{TIMESTAMP}') AND {instant} BETWEEN {first} AND {last}", instant, name)


def _decimal(sql_type: str, kind: DecimalType, name: str) -> str:
    digits = kind.precision - kind.scale
    whole = f"(0|[1-9][0-9]{{0,{digits - 1}}})" if digits else "0"
    number = f"-?{whole}([.][0-9]{{0,{kind.scale}}}0*)?"
    condition = f"""regexp_full_match({name}, '{number}|"{number}"')"""
    return _if(condition, f"""CAST(trim({name}, '"') AS {sql_type})""", name)


STORED: Mapping[str, Callable[[str], str]] = {
    "VARCHAR": lambda name: name,
    "BOOLEAN": _boolean,
    "INTEGER": partial(_whole, "INTEGER"),
    "BIGINT": partial(_whole, "BIGINT"),
    # -0.0 becomes 0.0, as in the exact reader. A small number may become a zero of 32 bits, with a sign.
    "FLOAT": lambda name: f"CAST({name} AS FLOAT) + CAST(0 AS FLOAT)",
    "DOUBLE": lambda name: f"{name} + 0e0",
    "DATE": _date,
    "TIMESTAMP": _timestamp,
}
"""From a column's type to what makes the SQL expression that converts a value of the strict reader to that type."""


def _number_in_json(name: str) -> str:
    # Of JSON, only the text of a number begins with a minus or a digit. DuckDB would cast both true and "1" to 1.
    number = _if(f"{name} >= '-' AND {name} < ':'", name, name)
    return f"CAST({number} AS DOUBLE)"


def examples(columns: Sequence[Column]) -> Mapping[str, str | float | None]:
    """Returns the record of the example file: from a column's name to its value."""
    return {column.name: None if _is_read_as_json(column, columns) else EXAMPLES[column.type] for column in columns}


def stored_columns(columns: Sequence[Column]) -> str:
    """Returns the SQL expressions of all columns, converted from the values of the strict reader."""
    return ", ".join(f"{_stored(column, columns)} AS {identifier(column.name)}" for column in columns)


def _stored(column: Column, columns: Sequence[Column]) -> str:
    name = identifier(column.name)
    is_json = _is_read_as_json(column, columns)
    text = f"CAST({name} AS VARCHAR)" if is_json else name
    if kind := decimal_type(column.type):
        return _decimal(column.type, kind, text)
    return STORED[column.type](_number_in_json(text) if is_json and column.type in EXACT_BELOW else text)


def _is_read_as_json(column: Column, columns: Sequence[Column]) -> bool:
    return column.type not in EXAMPLES or (column.type in EXACT_BELOW and reads_numbers_as_json(columns))


def reads_numbers_as_json(columns: Iterable[Column]) -> bool:
    """Whether numbers are read as JSON, which tells true from 1.

    Where a column holds booleans, a search for the words in the file could not show that no other column does.
    """
    return any(column.type == "BOOLEAN" for column in columns)


def loss_conditions(written: Written, column: Column) -> Iterator[str]:
    """Yields SQL conditions for values that were changed or lost, unless the statistics rule such values out."""
    if column.required and any(file.statistics["nullCount"][column.name] for file in written.files):
        yield f"{identifier(column.name)} IS NULL"
    if column.type == "VARCHAR":
        yield TEXT_MAY_BE_CHANGED.format(name=identifier(column.name))
    if column.type in EXACT_BELOW:
        bound = EXACT_BELOW[column.type]
        bounds = (_bounds(file, column) for file in written.files)
        # Infinity and NaN lie outside the range too: DuckDB sorts NaN above every number.
        if not all(least > -bound and greatest < bound for least, greatest in bounds):
            yield f"{identifier(column.name)} NOT BETWEEN 1 - {bound} AND {bound} - 1"


def may_be_booleans(written: Written, columns: Sequence[Column]) -> bool:
    """Whether the statistics allow a 0 or a 1 in a number column: the strict reader stores false and true as these."""
    if reads_numbers_as_json(columns):
        return False
    numbers = [column for column in columns if column.type in EXACT_BELOW]
    bounds = (_bounds(file, column) for file in written.files for column in numbers)
    return any(least <= 1 and greatest >= 0 for least, greatest in bounds)


def _bounds(file: DataFile, column: Column) -> tuple[float, float]:
    """Returns the least and the greatest value of a number column in a file; (inf, -inf) if all values are null."""
    if file.statistics["nullCount"][column.name] == file.rows:
        return math.inf, -math.inf
    # `write_parquet` leaves out the bounds of a column with a NaN: it may hold any value.
    least, greatest = (file.statistics[bound] for bound in ("minValues", "maxValues"))
    return least.get(column.name, -math.inf), greatest.get(column.name, math.inf)
