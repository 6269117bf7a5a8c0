"""Samples that `write_sample_data` wrote, read back and counted with plain Python."""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from stedi_assets.landing.sample_data import write_sample_data
from stedi_assets_tests.support.checkout import PROJECT

CONSENTS = ("shareWithResearchAsOfDate", "shareWithPublicAsOfDate", "shareWithFriendsAsOfDate")

Record = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """A written sample: its folder, the counts returned, and the records read back."""

    root: Path
    counts: dict[str, int]
    customers: list[Record]
    phone_readings: list[Record]
    device_readings: list[Record]

    @property
    def consenting(self) -> list[Record]:
        return [customer for customer in self.customers if "shareWithResearchAsOfDate" in customer]

    @property
    def instants_by_serial_number(self) -> dict[str, list[int]]:
        instants: defaultdict[str, list[int]] = defaultdict(list)
        for reading in self.device_readings:
            instants[reading["serialNumber"]].append(reading["sensorReadingTime"])
        return {serial_number: sorted(times) for serial_number, times in instants.items()}


def read_records(root: Path, source: str) -> list[Record]:
    files = sorted((root / source / "landing").iterdir())
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def make_sample(root: Path, scale: int, days: int | None = None) -> Sample:
    counts = write_sample_data(root, scale, days)
    return Sample(
        root, counts, *(read_records(root, source) for source in ("customer", "accelerometer", "step_trainer"))
    )


def contents(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def count_by_rules(sample: Sample) -> dict[str, int]:
    emails = {customer["email"] for customer in sample.consenting}
    trusted_phone_readings = [reading for reading in sample.phone_readings if reading["user"] in emails]
    users = {reading["user"] for reading in trusted_phone_readings}
    curated = [customer for customer in sample.consenting if customer["email"] in users]
    serial_numbers = {customer["serialNumber"] for customer in curated}
    trusted_device_readings = [
        reading for reading in sample.device_readings if reading["serialNumber"] in serial_numbers
    ]
    phone_readings_at = Counter(reading["timestamp"] for reading in trusted_phone_readings)
    customers = {customer["serialNumber"]: customer for customer in curated}
    users_at: defaultdict[int, list[str]] = defaultdict(list)
    for reading in trusted_phone_readings:
        users_at[reading["timestamp"]].append(reading["user"])
    return {
        "customer_landing": len(sample.customers),
        "accelerometer_landing": len(sample.phone_readings),
        "step_trainer_landing": len(sample.device_readings),
        "customer_trusted": len(sample.consenting),
        "accelerometer_trusted": len(trusted_phone_readings),
        "customer_curated": len(curated),
        "step_trainer_trusted": len(trusted_device_readings),
        "machine_learning_curated": sum(
            phone_readings_at[reading["sensorReadingTime"]] for reading in trusted_device_readings
        ),
        "machine_learning_pseudonymized": sum(
            user == customers[reading["serialNumber"]]["email"]
            for reading in trusted_device_readings
            if reading["sensorReadingTime"] >= customers[reading["serialNumber"]]["shareWithResearchAsOfDate"]
            for user in users_at[reading["sensorReadingTime"]]
        ),
    }


def write_in_another_process(folder: Path, hash_seed: str, days: int | None = None) -> None:
    """Writes a sample in a process with another hash seed, time zone and locale."""
    program = "import sys; from pathlib import Path; from stedi_assets.landing.sample_data import write_sample_data; "
    subprocess.run(
        [sys.executable, "-c", f"{program}write_sample_data(Path(sys.argv[1]), days={days})", folder],
        check=True,
        cwd=PROJECT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": "Pacific/Auckland", "LC_ALL": "tr_TR.UTF-8"},
    )
