"""The units for systemd, as systemd itself verifies them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stedi_assets_tests.support.checkout import PROJECT
from stedi_assets_tests.support.commands import PROGRAMS

UNITS = PROJECT / "deploy/systemd"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with the programs of this environment in place of those in /opt."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text().replace("/opt/stedi/bin", str(PROGRAMS)))
    return folder


def verify(folder: Path) -> subprocess.CompletedProcess[str]:
    names = [str(folder / path.name) for path in UNITS.iterdir() if path.is_file()]
    command = ["systemd-analyze", "verify", "--man=no", *names]
    variables = {"SYSTEMD_UNIT_PATH": f"{folder}:"}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_systemd_finds_no_mistake_in_the_units(units: Path) -> None:
    verified = verify(units)
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("file", ["stedi-code.service", "stedi-.service.d/all.conf"])
def test_systemd_would_find_one(units: Path, file: str) -> None:
    with (units / file).open("a") as unit:
        unit.write("\n[Service]\nRestrat=always\n")
    assert re.search("Unknown key .*Restrat", verify(units).stderr)
