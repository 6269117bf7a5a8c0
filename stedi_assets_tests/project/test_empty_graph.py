"""The empty graph of the benchmark has the steps of the project, so that both cost the same orchestration."""

import importlib
import json
from collections import Counter, defaultdict

import dagster
import pytest

from benchmarks import graph
from stedi_assets.definitions import build_definitions
from stedi_assets.defs.report import REPORT
from stedi_assets.settings import Settings


def shape(definitions: dagster.Definitions) -> dict[str, tuple[set[str], Counter[bool]]]:
    """From each table to what it reads, and how many checks it has that block and that do not."""
    graph = definitions.resolve_asset_graph()
    tables = {key.to_user_string() for key in graph.materializable_asset_keys} - {REPORT}
    checks: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for key in graph.asset_check_keys:
        checks[key.asset_key.to_user_string()][graph.get_check_spec(key).blocking] += 1
    upstream = {name: graph.get(dagster.AssetKey(name)).parent_keys for name in tables}
    return {name: ({key.to_user_string() for key in keys} & tables, checks[name]) for name, keys in upstream.items()}


def test_the_empty_graph_has_the_tables_and_checks_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(graph.EMPTY_GRAPH, graph.described())
    empty = importlib.import_module("benchmarks.empty_graph")
    # Without expected counts, as the benchmark's landing root in a bucket has none.
    project = build_definitions(Settings(landing="s3://bucket", lakehouse="s3://bucket/lakehouse"))
    assert shape(empty.definitions) == shape(project)


def test_the_description_is_of_the_steps_in_order() -> None:
    steps = [list(step) for step in json.loads(graph.described())]
    assert steps[0] == ["customer_landing", "customer_quarantine"]
    assert steps[-1] == ["machine_learning_pseudonymized"]
