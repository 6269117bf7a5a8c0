"""`stedi ddl`: CREATE TABLE statements for Athena, Spark and DuckDB."""

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from stedi_assets.contract import SOURCES, TABLES, Column, Source
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.ddl import RAW_COUNTS, ddl, statement

NAMES = [*SOURCES, *TABLES]


def parsed(sql: str, dialect: str) -> list[exp.Create]:
    """The statements that create, as their dialect's parser takes them apart; it knows the others, which comment."""
    trees = sqlglot.parse(sql, read=dialect)
    assert all(isinstance(tree, exp.Create | exp.Comment) for tree in trees)
    return [tree for tree in trees if isinstance(tree, exp.Create)]


def columns(sql: str, dialect: str) -> list[exp.ColumnDef]:
    (tree,) = parsed(sql, dialect)
    return list(tree.find_all(exp.ColumnDef))


def created(sql: str, dialect: str) -> list[str]:
    """The names of what the statements create."""
    return [table.name for tree in parsed(sql, dialect) if (table := tree.find(exp.Table))]


def comment(column: exp.ColumnDef) -> str:
    (found,) = column.find_all(exp.CommentColumnConstraint)
    return str(found.this.this)


def test_the_committed_statements_are_those_of_the_contract(tmp_path: Path) -> None:
    result = ddl("--output", str(tmp_path))
    assert result.exit_code == 0, result.output
    committed = {file.name: file.read_bytes() for file in (PROJECT / "ddl").iterdir()}
    assert committed.keys() == {f"{name}.sql" for name in NAMES}, "run stedi ddl --output ddl"
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == committed, "run stedi ddl --output ddl"


def test_a_committed_statement_says_how_it_is_made_again(tmp_path: Path) -> None:
    for file in (PROJECT / "ddl").iterdir():
        command = file.read_text().splitlines()[0].partition(" by: ")[2].split()
        assert command[:2] == ["stedi", "ddl"]
        assert ddl(*command[2:]).stdout == file.read_text()


@pytest.mark.parametrize("root", ["s3://steps-of-many", '/it\'s "here"'])
@pytest.mark.parametrize("dialect", ["athena", "spark", "duckdb"])
def test_every_statement_is_one_that_its_dialect_knows(dialect: str, root: str) -> None:
    for name in NAMES:
        sql = statement(name, dialect, STEDI_LANDING=root, STEDI_LAKEHOUSE=f"{root}/lakehouse")
        assert created(sql, dialect) == [name]


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("dialect", ["athena", "spark"])
def test_the_columns_of_raw_files_are_those_of_the_contract_with_their_descriptions(
    dialect: str, source: Source
) -> None:
    spelt = str.lower if dialect == "athena" else str
    assert [(column.name, comment(column)) for column in columns(statement(source.name, dialect), dialect)] == [
        (spelt(column.name), column.description) for column in source.columns
    ]


def test_types_are_spelt_as_hive_spells_them() -> None:
    sql = statement("accelerometer_files", "athena")
    assert "`user` STRING" in sql
    assert "`timestamp` BIGINT" in sql
    assert "`x` DOUBLE" in sql


SPELT = {
    "BOOLEAN": ("BOOLEAN", "BOOLEAN"),
    "INTEGER": ("INT", "INTEGER"),
    "FLOAT": ("FLOAT", "FLOAT"),
    "DECIMAL(10,2)": ("DECIMAL(10,2)", "DECIMAL(10,2)"),
    "DATE": ("DATE", "DATE"),
    "TIMESTAMP": ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
}
"""From a type to its names in HiveQL and in DuckDB."""


@pytest.mark.parametrize("kind", SPELT)
def test_every_dialect_knows_the_types_of_the_contract(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    source = replace(SOURCES["customer_files"], columns=(Column("any", kind, "Any."),))
    monkeypatch.setitem(SOURCES, "customer_files", source)
    in_hive, in_duckdb = SPELT[kind]
    for dialect in ("athena", "spark"):
        sql = statement("customer_files", dialect)
        assert f"`any` {in_hive} COMMENT 'Any.'" in sql
        assert len(columns(sql, dialect)) == 1
    with duckdb.connect() as connection:
        landing = str(PROJECT / "data")
        connection.execute(statement("customer_files", "duckdb", STEDI_LANDING=landing))
        assert [str(each) for each in connection.table("customer_files").types] == [in_duckdb]


def test_no_comment_is_longer_than_glue_keeps() -> None:
    for source in SOURCES.values():
        comments = [comment(column) for column in columns(statement(source.name, "athena"), "athena")]
        assert comments
        assert max(map(len, comments)) <= 255


def test_athena_reads_raw_files_line_by_line_and_keys_in_any_case() -> None:
    sql = statement("step_trainer_files", "athena", STEDI_LANDING="s3://steps-of-many")
    assert "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'" in sql
    assert "'ignore.malformed.json' = 'TRUE'" in sql
    assert "'case.insensitive' = 'TRUE'" in sql
    assert "LOCATION 's3://steps-of-many/step_trainer/landing/'" in sql


def test_athena_is_told_of_a_delta_table_no_more_than_it_takes() -> None:
    sql = statement("customer_trusted", "athena", STEDI_LAKEHOUSE="s3://steps-of-many/lakehouse")
    assert sql.splitlines()[1:] == [
        "CREATE EXTERNAL TABLE `customer_trusted`",
        "LOCATION 's3://steps-of-many/lakehouse/customer/trusted/'",
        "TBLPROPERTIES ('table_type' = 'DELTA');",
    ]


def test_spark_is_told_where_a_delta_table_is() -> None:
    sql = statement("customer_trusted", "spark", STEDI_LAKEHOUSE="s3://steps-of-many/lakehouse")
    assert sql.splitlines()[1:] == [
        "CREATE TABLE IF NOT EXISTS `customer_trusted`",
        "USING DELTA",
        "LOCATION 's3://steps-of-many/lakehouse/customer/trusted';",
    ]


def test_duckdb_scans_a_delta_table() -> None:
    sql = statement("customer_trusted", "duckdb", STEDI_LAKEHOUSE="s3://steps-of-many/lakehouse")
    assert "FROM delta_scan('s3://steps-of-many/lakehouse/customer/trusted');" in sql


@pytest.mark.parametrize("name", ["customer_files", "customer_trusted"])
def test_duckdb_gets_the_descriptions_of_a_view_and_of_its_columns(name: str) -> None:
    kind = SOURCES.get(name) or TABLES[name]
    comments = [
        tree.expression.this
        for tree in sqlglot.parse(statement(name, "duckdb"), read="duckdb")
        if isinstance(tree, exp.Comment)
    ]
    assert comments == [kind.description, *(column.description for column in kind.columns)]


def test_duckdb_reads_the_raw_files() -> None:
    with duckdb.connect() as connection:
        connection.execute(ddl(*RAW_COUNTS, "--dialect", "duckdb").stdout)
        counts = {name: connection.table(name).count("*").fetchone() for name in RAW_COUNTS}
        consents = connection.sql("SELECT count(shareWithResearchAsOfDate) FROM customer_files").fetchone()
        comments = connection.sql(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'customer_files'"
        ).fetchall()
    assert counts == {name: (count,) for name, count in RAW_COUNTS.items()}
    assert consents == (482,)
    assert comments == [(column.name, column.description) for column in SOURCES["customer_files"].columns]


def test_duckdb_reads_raw_files_in_a_folder_with_an_awkward_name(tmp_path: Path) -> None:
    landing = tmp_path / "it's [raw] *"
    shutil.copytree(PROJECT / "data/customer", landing / "customer")
    with duckdb.connect() as connection:
        connection.execute(statement("customer_files", "duckdb", STEDI_LANDING=str(landing)))
        assert connection.table("customer_files").count("*").fetchone() == (956,)


def test_without_a_table_all_are_printed() -> None:
    assert created(ddl("--dialect", "duckdb").stdout, "duckdb") == NAMES


def test_a_folder_gets_a_file_for_each_table_that_was_asked_for(tmp_path: Path) -> None:
    output = tmp_path / "new" / "folder"
    result = ddl("customer_files", "customer_trusted", "--output", str(output))
    assert (result.exit_code, result.stdout) == (0, "")
    assert {file.name for file in output.iterdir()} == {"customer_files.sql", "customer_trusted.sql"}
    assert (output / "customer_trusted.sql").read_text() == statement("customer_trusted", "athena")


def test_a_folder_that_cannot_be_made_is_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = ddl("customer_files", "--dialect", "spark", "--output", str(tmp_path / "file/folder"))
    assert result.exit_code == 1
    assert result.stderr == f"Error: {tmp_path / 'file/folder'}: Not a directory.\n"


def test_an_unknown_table_is_a_usage_error_that_names_those_there_are() -> None:
    result = ddl("customer_trused")
    assert result.exit_code == 2
    assert all(f"'{name}'" in result.stderr for name in NAMES)


def test_a_bucket_stands_for_a_local_folder_that_athena_could_not_read_and_the_user_is_told() -> None:
    result = ddl("customer_files", "customer_trusted", STEDI_LAKEHOUSE="s3://steps-of-many/lakehouse")
    assert "LOCATION 's3://stedi-lakehouse/customer/landing/'" in result.stdout
    assert "LOCATION 's3://steps-of-many/lakehouse/customer/trusted/'" in result.stdout
    assert "Set STEDI_LANDING and STEDI_LAKEHOUSE." in result.stderr


def test_with_buckets_there_is_nothing_to_tell() -> None:
    result = ddl(STEDI_LANDING="s3://steps-of-many", STEDI_LAKEHOUSE="s3://steps-of-many/lakehouse")
    assert result.stderr == ""
    assert "stedi-lakehouse" not in result.stdout
