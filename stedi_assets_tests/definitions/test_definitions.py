"""The code location as Dagster sees it: the graph, what it costs to load, and that the contract is its source."""

import gc
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path

import dagster
import pytest

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets.definitions import build_definitions, defs
from stedi_assets.defs.assets import TABLE_ASSETS, curated, landing, trusted
from stedi_assets.defs.report import REPORT
from stedi_assets.settings import Settings
from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.graph import CHECKS, COMMON_CHECKS, GRAPH
from stedi_assets_tests.support.projects import QUARANTINES, SELECTED_TABLES, Project


@pytest.fixture(scope="module")
def specs() -> dict[str, dagster.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_the_graph_has_the_tables_with_their_groups_and_dependencies(specs: dict[str, dagster.AssetSpec]) -> None:
    tables = {
        name: (spec.group_name, {dep.asset_key.to_user_string() for dep in spec.deps})
        for name, spec in specs.items()
        if name in GRAPH
    }
    assert tables == GRAPH, "edit GRAPH in stedi_assets_tests/support/graph.py"
    expected = GRAPH.keys() | QUARANTINES | SOURCES.keys() | {REPORT}
    assert specs.keys() == expected, "edit GRAPH in stedi_assets_tests/support/graph.py"


def test_a_zone_is_a_selection() -> None:
    graph = defs.resolve_asset_graph()
    for zone in ("landing", "trusted", "curated"):
        selected = dagster.AssetSelection.from_string(f"tag:zone={zone}").resolve(graph)
        assert {key.to_user_string() for key in selected} == {name for name in TABLES if TABLES[name].zone == zone}


def test_the_group_of_trusted_tables_is_their_zone(specs: dict[str, dagster.AssetSpec]) -> None:
    trusted = {name for name, spec in specs.items() if spec.group_name == "trusted"}
    assert trusted == {name for name in TABLES if TABLES[name].zone == "trusted"}


def test_the_graph_begins_at_the_landing_folders(specs: dict[str, dagster.AssetSpec]) -> None:
    graph = defs.resolve_asset_graph()
    assert {name for name in specs if not graph.get(dagster.AssetKey(name)).is_materializable} == set(SOURCES)


def test_every_table_has_its_checks() -> None:
    keys = defs.resolve_asset_graph().asset_check_keys
    checks = {name: {key.name for key in keys if key.asset_key == dagster.AssetKey(name)} for name in TABLES}
    quarantines = {name: {"has_none_quarantined"} for name in QUARANTINES}
    expected = {**{name: specific | COMMON_CHECKS for name, specific in CHECKS.items()}, **quarantines}
    assert checks == expected, "edit CHECKS in stedi_assets_tests/support/graph.py"


def test_descriptions_and_columns_come_from_the_contract(specs: dict[str, dagster.AssetSpec]) -> None:
    for name, table in TABLES.items():
        assert specs[name].description == table.description
        schema = specs[name].metadata["dagster/column_schema"]
        assert [(c.name, c.type, c.description, c.constraints.nullable) for c in schema.columns] == [
            (c.name, c.type, c.description, not c.required) for c in table.columns
        ]


def test_personal_columns_are_tagged(specs: dict[str, dagster.AssetSpec]) -> None:
    columns = specs["customer_landing"].metadata["dagster/column_schema"].columns
    assert {column.name for column in columns if "personal" in column.tags} == {
        "customerName",
        "email",
        "phone",
        "birthDay",
        "serialNumber",
    }


def test_assets_show_what_they_are_made_with_and_no_owner(specs: dict[str, dagster.AssetSpec]) -> None:
    for name in TABLES:
        assert specs[name].kinds == {"duckdb", "delta"}
        assert not specs[name].owners


def test_tables_and_the_report_show_the_owners_of_the_settings() -> None:
    definitions = build_definitions(Settings(owners=("team:data", "ada@example.com")))
    owners = {spec.key.to_user_string(): tuple(spec.owners) for spec in definitions.resolve_all_asset_specs()}
    assert {name for name, found in owners.items() if found} == {*TABLES, REPORT}
    assert set(owners.values()) == {("team:data", "ada@example.com"), ()}


def test_what_has_personal_columns_has_the_tag_personal(specs: dict[str, dagster.AssetSpec]) -> None:
    assert {name for name, spec in specs.items() if "personal" not in spec.tags} == {
        "machine_learning_pseudonymized",
        REPORT,
    }


def test_what_holds_the_data_of_consenting_customers_alone_has_the_tag_consent(
    specs: dict[str, dagster.AssetSpec],
) -> None:
    assert {name for name, spec in specs.items() if "consent" in spec.tags} == {
        name for name, table in TABLES.items() if table.zone in ("trusted", "curated")
    }


def test_assets_refer_to_their_code(specs: dict[str, dagster.AssetSpec]) -> None:
    for module in (landing, trusted, curated):
        file = Path(inspect.getfile(module))
        lines = file.read_text().splitlines()
        for asset in TABLE_ASSETS:
            if asset.function.__module__ != module.__name__:
                continue
            (reference,) = specs[asset.name].metadata["dagster/code_references"].code_references
            assert Path(reference.file_path) == file
            name = "landing_asset(source: Source)" if module is landing else f"{asset.name}()"
            assert f"def {name}" in "".join(lines[reference.line_number - 1 : reference.line_number + 1])


def test_the_executor_is_in_process_unless_chosen_otherwise() -> None:
    chosen = (build_definitions(Settings()), build_definitions(Settings(executor="multiprocess")))
    names = [each.executor.name for each in chosen if isinstance(each.executor, dagster.ExecutorDefinition)]
    assert names == ["in_process", "multiprocess"]


def test_a_run_has_one_step_a_table_with_its_quarantine() -> None:
    job = defs.resolve_job_def("lakehouse")
    assert {node.name for node in job.nodes} == set(SELECTED_TABLES)


def test_loading_the_definitions_imports_none_of_the_slow_libraries() -> None:
    program = "import sys, json, stedi_assets.definitions; print(json.dumps(sorted(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(json.loads(finished.stdout))
    assert "dagster" in imported
    slow = {
        "pandas",
        "polars",
        "pyarrow",
        "pyarrow.dataset",
        "boto3",
        "pyspark",
        "sqlglot",
        "deltalake",
        "numpy",
        "matplotlib",
    }
    assert not imported & slow


def test_loading_the_definitions_leaves_the_garbage_collector_as_it_is() -> None:
    state = "(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count())"
    program = f"import gc; before = {state}; import stedi_assets.definitions; print(before == {state})"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "True"


def test_a_run_leaves_the_garbage_collector_as_it_is(built_project: Project) -> None:
    before = gc.get_threshold()
    assert built_project.materialize("customer_trusted").success
    assert gc.get_threshold() == before


NEW_ASSETS = """
import dagster

@dagster.asset
def steps(): ...

@dagster.asset_check(asset=steps)
def is_checked(): ...
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, to change."""
    return Path(
        shutil.copytree(
            PROJECT / "stedi_assets", tmp_path / "stedi_assets", ignore=shutil.ignore_patterns("__pycache__")
        )
    )


def loaded(package: Path) -> subprocess.CompletedProcess[str]:
    """Loads the definitions of a copy of the package, and prints the keys of the assets and the checks."""
    program = (
        "import json; from stedi_assets.definitions import defs; graph = defs.resolve_asset_graph(); "
        "print(json.dumps([key.to_user_string() for key in [*graph.get_all_asset_keys(), *graph.asset_check_keys]]))"
    )
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=package.parent, capture_output=True, text=True, check=False)


def test_a_new_module_with_assets_is_found_without_an_entry_elsewhere(package: Path) -> None:
    (package / "defs/assets/steps.py").write_text(NEW_ASSETS)
    assert {"steps", "steps:is_checked", "customer_trusted"} <= {*json.loads(loaded(package).stdout)}


def test_two_functions_of_one_table_are_named(package: Path) -> None:
    shutil.copy(package / "defs/assets/trusted.py", package / "defs/assets/twin.py")
    assert (
        "customer_trusted is declared in stedi_assets.defs.assets.trusted and in stedi_assets.defs.assets.twin. "
        "Remove one of the two functions."
    ) in loaded(package).stderr


def test_a_table_of_the_contract_without_a_function_is_named(package: Path) -> None:
    curated = package / "defs/assets/curated.py"
    curated.write_text(curated.read_text().replace("def customer_curated()", "def _customer_curated()"))
    curated.write_text(
        curated.read_text().replace('@table_asset(deps=["customer_trusted", "accelerometer_trusted"])', "")
    )
    assert (
        "customer_curated is a table of the contract, and no module of stedi_assets/defs/assets declares it."
    ) in loaded(package).stderr


def test_the_queries_of_the_tables_need_no_dagster() -> None:
    program = "import sys, stedi_assets.defs.assets; print('dagster' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "False"
