"""Tables that another program wrote with features of Delta: refused by name wherever rows would be wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stedi_assets.storage.delta import data_files
from stedi_assets_tests.support.foreign_delta import delete_first_row, map_columns, require_features
from stedi_assets_tests.support.grid import on_both_engines
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.runs import failure
from stedi_assets_tests.support.shell import refused, stedi, succeeded


def require_a_feature_that_is_not_known(folder: Path) -> None:
    require_features(folder, "variantType")


CHANGED: dict[str, Callable[[Path], None]] = {
    "deletionVectors": delete_first_row,
    "columnMapping": map_columns,
    "variantType": require_a_feature_that_is_not_known,
}
"""From a feature to a program that uses it."""


def use(feature: str, project: Project) -> str:
    """Lets another program use a feature in customer_trusted, and returns how the refusal begins."""
    folder = project.lakehouse / "customer/trusted"
    CHANGED[feature](folder)
    return f"Another program wrote the table at {folder.as_uri()}/ with {feature}, which this program does not read"


@on_both_engines
@pytest.mark.parametrize("feature", CHANGED)
def test_a_run_refuses_a_table_whose_files_do_not_hold_its_rows(built_project: Project, feature: str) -> None:
    message = use(feature, built_project)
    result = built_project.materialize("accelerometer_trusted")
    assert failure(result, "accelerometer_trusted").startswith(message)
    assert built_project.delta("accelerometer_trusted").version() == 0


@pytest.mark.parametrize("feature", CHANGED)
@pytest.mark.parametrize("command", [("query", "FROM customer_trusted"), ("tables",), ("history", "customer_trusted")])
def test_every_command_that_looks_refuses_it_in_one_line(
    built_project: Project, feature: str, command: tuple[str, ...]
) -> None:
    message = use(feature, built_project)
    line = refused(stedi(built_project, *command))
    assert line.startswith(message)
    assert "REORG TABLE" in line


def test_a_version_from_before_the_deletion_vector_is_refused_no_more_once_it_is_the_newest(
    built_project: Project,
) -> None:
    use("deletionVectors", built_project)
    table = built_project.delta("customer_trusted", version=0)
    assert len(data_files(table)) == 1


@pytest.mark.parametrize("feature", ["deletionVectors", "timestampNtz", "vacuumProtocolCheck"])
def test_a_feature_that_changes_no_row_is_read(built_project: Project, feature: str) -> None:
    require_features(built_project.lakehouse / "customer/trusted", feature)
    assert succeeded(
        stedi(built_project, "query", "SELECT count(*) AS n FROM customer_trusted", "--format", "csv")
    ) == ("n\n3\n")
