"""Runs after an erasure compute parts, and give what a full build of the raw files gives."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.erasing import EMAIL, naming
from stedi_assets_tests.support.projects import SELECTED_TABLES, Project
from stedi_assets_tests.support.records import customer, device_reading, phone_reading


def fresh(project: Project) -> Project:
    """A full build of the same raw files, by which the customer stays erased."""
    other = replace(project, lakehouse=project.lakehouse.parent / "fresh")
    shutil.copytree(project.lakehouse / "erasure", other.lakehouse / "erasure")
    assert other.materialize(pseudonym_key=KEY.hex(), max_quarantined=1.0).success
    return other


def test_the_run_after_an_erasure_has_nothing_to_do_and_the_next_delivery_is_a_part(
    built_project: Project, tmp_path: Path
) -> None:
    keyed = {**built_project.variables, "STEDI_PSEUDONYM_KEY": KEY.hex()}
    erased = run("stedi", "erase", EMAIL, "--yes", "--force", folder=tmp_path, **keyed)
    assert erased.exit_code == 0, erased.output
    planned = run("stedi", "run", "--plan", "--json", folder=tmp_path, **keyed)
    assert {entry["plan"] for entry in json.loads(planned.output)} == {"nothing"}
    built_project.land("customer", "late.json", [customer("ada", research=1), customer("fay", research=1)])
    built_project.land("accelerometer", "late.json", [phone_reading(name, 100) for name in ("ada", "fay", "eve")])
    built_project.land("step_trainer", "late.json", [device_reading(name, 100) for name in ("ada", "fay")])
    result = built_project.materialize(pseudonym_key=KEY.hex(), max_quarantined=1.0)
    assert result.success
    plans = {
        event.asset_key.to_user_string(): event.materialization.metadata["plan"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert str(plans["machine_learning_pseudonymized"]).startswith("part: ")
    expected = fresh(built_project)
    for table in SELECTED_TABLES:
        assert built_project.rows(table) == expected.rows(table), table
    stored = replace(built_project, landing=built_project.lakehouse)
    assert naming(stored) == []
