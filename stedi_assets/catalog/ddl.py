"""CREATE statements: the raw files and the tables as Athena, Spark and DuckDB read them.

Nothing here is about one table: a statement is the contract in a dialect's words. A bucket is s3:// in all of them; a
Spark that comes without Amazon's file system needs spark.hadoop.fs.s3.impl for it.
"""

import glob
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from sqlglot import exp

from stedi_assets.contract import SOURCES, TABLES, Column, ColumnType, Source
from stedi_assets.engines.duckdb.text import NO_HIVE_PARTITIONS
from stedi_assets.storage.location import Location

Dialect = Literal["athena", "spark", "duckdb"]

EXAMPLE_LANDING = "s3://stedi-lakehouse"
"""The landing root of a statement for Athena, which reads only buckets, where the landing root is a local folder."""

EXAMPLE_LAKEHOUSE = "s3://stedi-lakehouse/lakehouse"
"""The lakehouse of a statement for Athena where the lakehouse is a local folder."""

HIVE_TYPES: Mapping[ColumnType, str] = {"VARCHAR": "STRING", "BIGINT": "BIGINT", "DOUBLE": "DOUBLE"}
"""From the contract's types to what Hive's language, which Athena and Spark speak, calls them."""


def create_statement(name: str, dialect: Dialect, landing: Location, lakehouse: Location) -> str:
    """Writes the statement that makes a source or a table known to a program.

    Args:
        name: A source, whose raw files are read, or a table.
        dialect: The program.
        landing: The landing root.
        lakehouse: The root of the tables.

    Returns:
        One statement, below a comment that says how it was made. A comment has a line of its own: Athena knows no
        other in a CREATE TABLE.
    """
    statement = (
        SOURCE_STATEMENTS[dialect](SOURCES[name], landing / SOURCES[name].path)
        if name in SOURCES
        else TABLE_STATEMENTS[dialect](name, lakehouse / TABLES[name].path)
    )
    return f"-- Made from stedi_assets/contract.py by: stedi ddl {name} --dialect {dialect}\n{statement};\n"


def _athena_source(source: Source, folder: Location) -> str:
    # Athena's column names are lower case; the SerDe compares keys with them without regard to case, as the contract
    # does. Of a line that is not JSON it makes a row of nulls.
    columns = [f"{_hive_name(column.name.lower())} {_hive_definition(column)}" for column in source.columns]
    return f"""\
CREATE EXTERNAL TABLE IF NOT EXISTS {_hive_name(source.name)} (
{_indented(columns)}
)
COMMENT {_hive_text(source.description)}
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
    'case.insensitive' = 'TRUE',
    'ignore.malformed.json' = 'TRUE'
)
STORED AS
    INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
    OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION {_hive_text(f"{folder}/")}
TBLPROPERTIES ('classification' = 'json')"""


def _athena_table(name: str, folder: Location) -> str:
    # Athena takes the columns from the Delta log, and refuses a statement that says more than this.
    return f"""\
CREATE EXTERNAL TABLE {_hive_name(name)}
LOCATION {_hive_text(f"{folder}/")}
TBLPROPERTIES ('table_type' = 'DELTA')"""


def _spark_source(source: Source, folder: Location) -> str:
    columns = [f"{_hive_name(column.name)} {_hive_definition(column)}" for column in source.columns]
    return f"""\
CREATE TABLE IF NOT EXISTS {_hive_name(source.name)} (
{_indented(columns)}
)
USING JSON
COMMENT {_hive_text(source.description)}
LOCATION {_hive_text(_spark_path(folder))}"""


def _spark_table(name: str, folder: Location) -> str:
    # Spark takes the columns from the Delta log, and refuses others, be it only by a comment.
    return f"""\
CREATE TABLE IF NOT EXISTS {_hive_name(name)}
USING DELTA
LOCATION {_hive_text(_spark_path(folder))}"""


def _spark_path(folder: Location) -> str:
    # Not a URI: Spark does not decode one.
    return f"file://{folder}" if folder.is_local else str(folder)


def _duckdb_source(source: Source, folder: Location) -> str:
    # A view has no comments on its columns.
    columns = [f"{_duckdb_name(column.name)}: {_duckdb_text(column.type)}" for column in source.columns]
    return f"""\
CREATE OR REPLACE VIEW {_duckdb_name(source.name)} AS
SELECT *
FROM read_json({_duckdb_text(f"{glob.escape(str(folder))}/**/[!._]*")}, columns = {{
{_indented(columns)}
}}, {NO_HIVE_PARTITIONS})"""


def _duckdb_table(name: str, folder: Location) -> str:
    return f"""\
CREATE OR REPLACE VIEW {_duckdb_name(name)} AS
SELECT *
FROM delta_scan({_duckdb_text(str(folder))})"""


SOURCE_STATEMENTS: Mapping[Dialect, Callable[[Source, Location], str]] = {
    "athena": _athena_source,
    "spark": _spark_source,
    "duckdb": _duckdb_source,
}
TABLE_STATEMENTS: Mapping[Dialect, Callable[[str, Location], str]] = {
    "athena": _athena_table,
    "spark": _spark_table,
    "duckdb": _duckdb_table,
}


def _hive_definition(column: Column) -> str:
    return f"{HIVE_TYPES[column.type]} COMMENT {_hive_text(column.description)}"


def _hive_name(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("hive")


def _hive_text(text: str) -> str:
    return exp.Literal.string(text).sql("hive")


def _duckdb_name(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _duckdb_text(text: str) -> str:
    return exp.Literal.string(text).sql("duckdb")


def _indented(lines: Sequence[str]) -> str:
    return ",\n".join(f"    {line}" for line in lines)
