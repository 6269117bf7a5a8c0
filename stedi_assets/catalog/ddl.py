"""CREATE statements: the raw files and the tables as Athena, Spark and DuckDB read them.

Every statement is derived from the contract. A bucket is s3:// in all three dialects: set spark.hadoop.fs.s3.impl in a
Spark without Amazon's file system.
"""

import glob
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from sqlglot import exp

from stedi_assets.contract import SOURCES, TABLES, Column, ColumnType, Source, table_path
from stedi_assets.engines.duckdb.text import NO_HIVE_PARTITIONS, duckdb_type
from stedi_assets.storage.location import Location

Dialect = Literal["athena", "spark", "duckdb"]

EXAMPLE_LANDING = "s3://stedi-lakehouse"
"""Stands for a local landing root in a statement for Athena, which reads only buckets."""

EXAMPLE_LAKEHOUSE = "s3://stedi-lakehouse/lakehouse"
"""Stands for a local lakehouse in a statement for Athena."""

HIVE_TYPES: Mapping[ColumnType, str] = {"VARCHAR": "STRING", "INTEGER": "INT"}
"""From each type of the contract that HiveQL calls by another name to this name. Athena and Spark use HiveQL."""


def create_statement(name: str, dialect: Dialect, landing: Location, lakehouse: Location) -> str:
    """Returns the CREATE statement of a source or a table.

    Args:
        name: A source, whose raw files are read, or a table.
        dialect: The program that will run the statement.
        landing: The landing root.
        lakehouse: The folder that holds the tables.

    Returns:
        One statement, below a comment with the command that printed it. The comment has a line of its own: Athena
        accepts no other comment in a CREATE TABLE. For DuckDB, a COMMENT ON for the view and for each column follows.
    """
    statement = (
        SOURCE_STATEMENTS[dialect](SOURCES[name], landing / SOURCES[name].path)
        if name in SOURCES
        else TABLE_STATEMENTS[dialect](name, lakehouse / table_path(name))
    )
    return f"-- Made from stedi_assets/contract.py by: stedi ddl {name} --dialect {dialect}\n{statement};\n"


def _athena_source(source: Source, folder: Location) -> str:
    # Athena's column names are lower case. The SerDe compares keys with them without regard to case, as the contract
    # does. It turns a line that is not JSON into a row of nulls.
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
    # Athena reads the columns from the Delta log, and refuses any further clause.
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
    # Spark reads the columns from the Delta log, and refuses columns that differ, even in a comment.
    return f"""\
CREATE TABLE IF NOT EXISTS {_hive_name(name)}
USING DELTA
LOCATION {_hive_text(_spark_path(folder))}"""


def _spark_path(folder: Location) -> str:
    # The path itself, not a percent-encoded URI: Spark does not decode it.
    return f"file://{folder}" if folder.is_local else str(folder)


def _duckdb_source(source: Source, folder: Location) -> str:
    columns = [f"{_duckdb_name(column.name)}: {_duckdb_text(duckdb_type(column.type))}" for column in source.columns]
    return f"""\
CREATE OR REPLACE VIEW {_duckdb_name(source.name)} AS
SELECT *
FROM read_json({_duckdb_text(f"{glob.escape(str(folder))}/**/[!._]*")}, columns = {{
{_indented(columns)}
}}, {NO_HIVE_PARTITIONS});
{_duckdb_comments(source.name, source.description, source.columns)}"""


def _duckdb_table(name: str, folder: Location) -> str:
    return f"""\
CREATE OR REPLACE VIEW {_duckdb_name(name)} AS
SELECT *
FROM delta_scan({_duckdb_text(str(folder))});
{_duckdb_comments(name, TABLES[name].description, TABLES[name].columns)}"""


def _duckdb_comments(name: str, description: str, columns: Sequence[Column]) -> str:
    # CREATE VIEW takes no comments.
    view = _duckdb_name(name)
    comments = {f"VIEW {view}": description}
    comments |= {f"COLUMN {view}.{_duckdb_name(column.name)}": column.description for column in columns}
    return ";\n".join(f"COMMENT ON {each} IS {_duckdb_text(comment)}" for each, comment in comments.items())


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
    return f"{HIVE_TYPES.get(column.type, column.type)} COMMENT {_hive_text(column.description)}"


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
