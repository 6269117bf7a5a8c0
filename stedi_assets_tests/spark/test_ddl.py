"""The DDL that Spark is given."""

import json
import shutil
from pathlib import Path

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.ddl import RAW_COUNTS, statement

COUNT_WITH_SPARK = """
import json, sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
found = {}
for name, statement in json.load(open("statements.json")).items():
    spark.sql(statement.rstrip().removesuffix(";"))
    table = spark.table(name)
    found[name] = {
        "rows": table.count(),
        "rows_with_nulls": table.count() - table.dropna().count(),
        "comments": [field.metadata.get("comment") for field in table.schema],
    }
json.dump(found, open("found.json", "w"))
"""


def test_spark_reads_the_raw_files(tmp_path: Path) -> None:
    landing = tmp_path / "it's raw"
    shutil.copytree(PROJECT / "data", landing)
    statements = {name: statement(name, "spark", STEDI_LANDING=str(landing)) for name in RAW_COUNTS}
    (tmp_path / "statements.json").write_text(json.dumps(statements))
    finished = run("python", "-c", COUNT_WITH_SPARK, folder=tmp_path)
    assert finished.exit_code == 0, finished.output
    found = json.loads((tmp_path / "found.json").read_text())
    assert {name: found[name]["rows"] for name in RAW_COUNTS} == RAW_COUNTS
    assert found["accelerometer_files"]["rows_with_nulls"] == 0
    assert found["step_trainer_files"]["rows_with_nulls"] == 0
    assert found["accelerometer_files"]["comments"][0] == "Email address of the phone's owner."
