"""What a reader of Dagster's pages sees of a table: a few rows, how long it took, what to do."""

import json
import re
import subprocess
import sys

import dagster
import pandas as pd

from stedi_assets.contract import TABLES
from stedi_assets.definitions import build_definitions
from stedi_assets.defs.checks.tables import table_checks
from stedi_assets.query import Query
from stedi_assets.report.preview import preview
from stedi_assets.settings import Settings
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.projects import (
    SELECTED_TABLES,
    Build,
    Project,
)
from stedi_assets_tests.support.records import CUSTOMERS, phone_reading
from stedi_assets_tests.support.runs import QUIET, evaluations
from stedi_assets_tests.support.shown import PERSONAL_VALUES, Metadata, metadata_by_asset


def test_a_preview_has_no_more_than_ten_rows(project: Project) -> None:
    project.land("accelerometer", "more.json", [phone_reading("ada", instant) for instant in range(500, 530)])
    shown = metadata_by_asset(project.materialize())
    for table in SELECTED_TABLES:
        heading, _, *rows = shown[table]["preview"].splitlines()
        assert heading.count("|") == len(TABLES[table].columns) + 1
        assert len(rows) == min(shown[table]["dagster/row_count"], 10)


def test_nothing_that_is_shown_of_a_table_names_a_person(project: Project) -> None:
    project.land_text(
        "customer", "broken.json", json.dumps(CUSTOMERS[0])[:-5] + "\n" + '{"email": ["eve@example.com"]}'
    )
    result = project.materialize(max_quarantined=1.0)
    assert result.success
    shown = metadata_by_asset(result)
    assert shown["customer_quarantine"]["dagster/row_count"] == 2
    assert shown.keys() == TABLES.keys()
    for table, metadata in shown.items():
        assert not any(value in str(metadata) for value in PERSONAL_VALUES), table


def test_a_preview_masks_pseudonyms_too(built: Build, shown: dict[str, Metadata]) -> None:
    pseudonyms = {row[0] for row in built.project.rows("machine_learning_pseudonymized")}
    assert pseudonyms
    assert not any(pseudonym in str(shown) for pseudonym in pseudonyms)


def test_a_preview_of_other_peoples_tables_masks_what_comes_from_personal_columns(built_project: Project) -> None:
    @dagster.asset
    def frame() -> pd.DataFrame:
        return pd.DataFrame(
            {"EMAIL": ["ada@example.com"], "nested": [{"of": "ada@example.com"}], "score": [7], "x": ["a text"]}
        )

    @dagster.asset(deps=["customer_trusted"])
    def renamed() -> Query:
        return Query("SELECT lower(customer.email) AS contact, 1 AS score FROM customer_trusted AS customer")

    shown = metadata_by_asset(built_project.materialize_others(frame, renamed))
    assert r"| nested | score | x | EMAIL |" in shown["frame"]["preview"]
    assert "| 7 | a text |" in shown["frame"]["preview"]
    assert "| score | contact |" in shown["renamed"]["preview"]
    assert "example.com" not in str(shown)


def test_a_preview_of_no_rows_says_so() -> None:
    assert preview([]) == "No rows."


def test_a_missing_value_is_an_empty_cell_even_of_a_personal_column() -> None:
    assert preview([{"email": None, "x": None}]).splitlines()[-1] == "|  |  |"


def test_a_value_cannot_break_out_of_its_cell() -> None:
    (*_, row) = preview([{"note": "a | b\n![p](http://x/y.png) <b> `c` " + "d" * 100}]).splitlines()
    assert re.search(r"(?<!\\)[<>\[\]`*]", row) is None
    assert len(re.findall(r"(?<!\\)\|", row)) == 2
    assert "d" * 70 not in row


def test_a_table_whose_name_sql_reserves_is_stored(project: Project) -> None:
    @dagster.asset(name="order")
    def reserved() -> pd.DataFrame:
        return pd.DataFrame({"a": [1]})

    shown = metadata_by_asset(project.materialize_others(reserved))
    assert shown["order"]["dagster/row_count"] == 1
    # DuckDB's SQL reserves the name, Spark's does not.
    assert ("preview" in shown["order"]) == (project.engine == "spark")


def test_a_build_shows_its_seconds_by_phase(shown: dict[str, Metadata]) -> None:
    publishing = {"all", "audit", "commit", "checks"}
    reading = {"list", "read_and_write", "quarantine"}
    assert shown["customer_quarantine"]["seconds"].keys() == reading | publishing
    assert shown["customer_landing"]["seconds"].keys() == reading | publishing | {"rewrite"}
    assert shown["customer_trusted"]["seconds"].keys() == {"plan", "compute_and_write"} | publishing
    for metadata in shown.values():
        total, *phases = (metadata["seconds"][name] for name in sorted(metadata["seconds"]))
        assert 0 < sum(phases) <= total + 0.01


def test_a_landing_table_with_nothing_new_shows_that_it_only_listed(built_project: Project) -> None:
    shown = metadata_by_asset(built_project.materialize("customer_landing"))
    assert shown["customer_landing"]["seconds"].keys() == {"all", "list", "checks"}


def test_a_table_that_stays_the_same_shows_its_last_build_and_the_seconds_of_this_run(project: Project) -> None:
    job = project.definitions().resolve_job_def("lakehouse")
    tables = [dagster.AssetKey(name) for name in ("customer_landing", "customer_trusted")]
    with dagster.DagsterInstance.ephemeral() as instance:
        runs = [job.execute_in_process(QUIET, instance, asset_selection=tables) for _ in range(2)]
    first, second = (metadata_by_asset(run)["customer_trusted"] for run in runs)
    assert second["unchanged_since"] == f"run {runs[0].run_id}"
    for name in ("preview", "column_sources", "delta_version"):
        assert second[name] == first[name]
    assert second["seconds"].keys() == {"all", "plan", "compute_and_write", "checks"}


def test_the_sql_is_shown_as_a_block_without_the_indentation_of_the_code(shown: dict[str, Metadata]) -> None:
    assert shown["customer_curated"]["query"].splitlines() == [
        "```sql",
        "SELECT customer.*",
        "FROM customer_trusted AS customer",
        "WHERE customer.email IN (SELECT DISTINCT reading.user FROM accelerometer_trusted AS reading)",
        "```",
    ]
    assert Query("\n        SELECT 1\n        FROM a\n    ").markdown == "```sql\nSELECT 1\nFROM a\n```"


def kinds(settings: Settings) -> dict[str, set[str]]:
    specs = build_definitions(settings).resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec.kinds for spec in specs}


def test_assets_in_a_bucket_say_so() -> None:
    bucket = Location.parse("s3://bucket", Aws(access_key_id="any"))
    local, remote = kinds(Settings()), kinds(Settings(landing=bucket, lakehouse=bucket / "lakehouse"))
    assert (local["customer_trusted"], local["customer_files"]) == ({"duckdb", "delta"}, {"json"})
    assert (remote["customer_trusted"], remote["customer_files"]) == ({"duckdb", "delta", "s3"}, {"json", "s3"})


def test_curated_tables_say_when_they_are_old() -> None:
    specs = build_definitions(Settings()).resolve_all_asset_specs()
    fresh = {
        spec.key.to_user_string() for spec in specs if spec.freshness_policy and spec.key.to_user_string() in TABLES
    }
    assert fresh == {name for name, table in TABLES.items() if table.zone == "curated"}


def test_every_check_says_what_to_do() -> None:
    for table in TABLES.values():
        for check in table_checks(table, dict.fromkeys(TABLES, 1), 0.01):
            assert check.what_to_do.endswith("."), check.name


def test_the_name_of_a_check_fits_into_dagsters_list_and_its_description_says_the_rule() -> None:
    for table in TABLES.values():
        for check in table_checks(table, dict.fromkeys(TABLES, 1), 0.01):
            assert re.fullmatch(r"has(_[a-z]+)+", check.name)
            assert len(check.name) <= 22
            assert len(check.description.partition(". ")[0].split()) >= 4, check.description


def test_a_check_that_fails_says_what_to_do_and_one_that_passes_does_not(project: Project) -> None:
    (project.landing / "expected_counts.json").write_text('{"customer_landing": 5, "accelerometer_landing": 7}')
    found = evaluations(project.materialize("customer_landing", "accelerometer_landing"))
    failed = found["accelerometer_landing", "has_expected_rows"].metadata
    assert (
        failed["what_to_do"].value == "If the landing files differ on purpose, correct or remove the expected counts."
    )
    assert "what_to_do" not in found["customer_landing", "has_expected_rows"].metadata


def test_loading_the_definitions_imports_neither_what_draws_nor_what_follows_queries() -> None:
    program = "import sys, json, stedi_assets.definitions; print(json.dumps(sorted(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(json.loads(finished.stdout)) & {"matplotlib", "PIL", "sqlglot.lineage", "sqlglot.optimizer.qualify"}
