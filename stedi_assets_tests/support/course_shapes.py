"""The course's data in every shape that its published history has."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stedi_assets.contract import TABLES
from stedi_assets_tests.support.course import COURSE_COUNTS, COURSE_DATA, available
from stedi_assets_tests.support.projects import Project


def changed(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Sequence[bytes]], bytes]:
    return lambda records: b"".join(json.dumps(change(json.loads(record))).encode() + b"\n" for record in records)


def with_nulls(record: dict[str, Any]) -> dict[str, Any]:
    return {f"shareWith{who}AsOfDate": None for who in ("Research", "Public", "Friends")} | record


def as_other_types(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: int(value) if key == "phone" else float(value) if isinstance(value, int) else value
        for key, value in record.items()
    }


REWRITTEN: Mapping[str, Callable[[Sequence[bytes]], bytes]] = {
    "concatenated": b"".join,
    "lines that end in a comma": b",\n".join,
    "an array on one line": lambda records: b"[" + b", ".join(records) + b"]",
    "an array over several lines": lambda records: json.dumps(
        [json.loads(record) for record in records], indent=2
    ).encode(),
    "objects over several lines": lambda records: b"\n".join(
        json.dumps(json.loads(record), indent=2).encode() for record in records
    ),
    "after a byte order mark, with CRLF": lambda records: b"\xef\xbb\xbf" + b"\r\n".join(records),
    "keys in capitals": changed(lambda record: {key.upper(): value for key, value in record.items()}),
    "nulls written out": changed(with_nulls),
    "dates as floats and phones as integers": changed(as_other_types),
}


LANDING_COUNTS = {table: count for table, count in COURSE_COUNTS.items() if TABLES[table].zone == "landing"}


COURSE_SOURCES = ("customer", "accelerometer", "step_trainer")


def course_files(source: str) -> list[Path]:
    return sorted((available(COURSE_DATA) / source / "landing").glob("*.json"))


def course_lines(source: str) -> list[bytes]:
    return [line for file in course_files(source) for line in file.read_bytes().splitlines()]


def landed_counts(project: Project) -> dict[str, int]:
    assert project.materialize(*LANDING_COUNTS).success
    return {table: project.delta(table).count() for table in LANDING_COUNTS}
