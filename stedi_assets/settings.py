"""The settings: STEDI_* environment variables, read once and validated."""

import json
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from stedi_assets.errors import StediError
from stedi_assets.storage.location import Location
from stedi_assets.tables import SOURCES, TABLES

ENVIRONMENT_PREFIX = "STEDI_"


def project_folder() -> Path:
    """Returns the folder that default paths are anchored at.

    It is the checkout that this package lies in, so that the current folder does not matter; for a package installed
    elsewhere, where there is no checkout, it is the current folder.
    """
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


def _location(value: object) -> object:
    return Location.parse(str(value)) if isinstance(value, str | Path) else value


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _existing_folder(path: str) -> str:
    folder = _absolute(Path(path))
    if not path or not folder.is_dir():
        raise ValueError("it is not an existing folder")
    return str(folder)


FolderOrBucket = Annotated[Location, NoDecode, BeforeValidator(_location)]
LocalPath = Annotated[Path, AfterValidator(_absolute)]


class Settings(BaseSettings):
    """What a user can choose, one environment variable a field: `STEDI_` and the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, arbitrary_types_allowed=True)

    landing: FolderOrBucket = Field(
        default_factory=lambda: Location.parse(str(project_folder() / "data")),
        description="The landing root: the folder with customer/landing, accelerometer/landing, step_trainer/landing.",
    )
    lakehouse: FolderOrBucket = Field(
        default_factory=lambda: Location.parse(str(project_folder() / "lakehouse")),
        description="The folder that holds the tables, one Delta table a folder.",
    )
    engine: Literal["duckdb"] = Field(default="duckdb", description="What computes a query.")
    executor: Literal["in_process", "multiprocess"] = Field(
        default="in_process", description="How Dagster runs the steps of a run: in one process or in one each."
    )
    expected_counts: LocalPath | None = Field(
        default=None,
        description="A JSON file, an object from table to its expected rows. Without it, expected_counts.json in the "
        "landing root, where there is one.",
    )
    max_quarantined: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="The greatest fraction of a source's records that may be in quarantine; more fail the run.",
    )
    full_refresh: bool = Field(
        default=False, description="Whether to read all landing files again, and not only those that changed."
    )
    duckdb_memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?([KMGT]i?B|%)$")] | None = Field(
        default=None, description="The most memory DuckDB may use, such as 4GB. By default 80% of the machine's."
    )
    duckdb_spill_folder: Annotated[str, AfterValidator(_existing_folder)] | None = Field(
        default=None,
        description="Where DuckDB spills what does not fit in memory. By default the system's temporary folder.",
    )


def read_settings() -> Settings:
    """Reads the settings from the environment.

    Returns:
        The validated settings, with absolute locations: a relative path is taken from the current folder.

    Raises:
        StediError: A variable has a value that is not legal, is unknown, or the roots overlap. The message names
            every such variable with what is legal.
    """
    _refuse_unknown_variables()
    try:
        settings = Settings()
    except ValidationError as error:
        raise StediError(
            "; ".join(_readable(problem["loc"], problem["msg"]) for problem in error.errors()) + ".",
            "Correct or unset the variable.",
        ) from None
    refuse_overlapping_roots(settings.landing, settings.lakehouse)
    return settings


def _readable(location: tuple[int | str, ...], message: str) -> str:
    field = str(location[0])
    variable = f"{ENVIRONMENT_PREFIX}{field.upper()}"
    reason = message.removeprefix("Value error, ").removesuffix(".")
    return f"{variable}={os.environ.get(variable, '')!r} is not legal: {reason}"


def _refuse_unknown_variables() -> None:
    known = {f"{ENVIRONMENT_PREFIX}{field.upper()}" for field in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX) and name not in known)
    if unknown:
        raise StediError(
            f"Unknown setting {', '.join(unknown)}.", f"Unset it, or use one of {', '.join(sorted(known))}."
        )


def refuse_overlapping_roots(landing: Location, lakehouse: Location) -> None:
    """Refuses roots under which a table's folder would equal, contain or lie in a raw landing folder.

    Rewriting such a table would delete raw files, or its Parquet would be read as landing files.

    Args:
        landing: The landing root.
        lakehouse: The root of the tables.

    Raises:
        StediError: Two folders overlap; the message names the first such pair.
    """
    for source in SOURCES.values():
        for table in TABLES.values():
            raw_folder, table_folder = landing / source.path, lakehouse / table.path
            if raw_folder.overlaps(table_folder):
                raise StediError(
                    f"The table {table.name} would be stored at {table_folder}, which overlaps the raw files at "
                    f"{raw_folder}: rebuilding the table would destroy them.",
                    "Set STEDI_LAKEHOUSE to a folder of its own.",
                )


def read_expected_counts(settings: Settings) -> dict[str, int]:
    """Reads the expected rows of each table.

    Args:
        settings: Says which file: `expected_counts`, or `expected_counts.json` in a local landing root.

    Returns:
        From table name to its expected number of rows; empty when there is no file.

    Raises:
        StediError: The file is named but missing, is not a JSON object from table to whole number, or names a table
            that does not exist.
    """
    file = settings.expected_counts
    if file is None:
        file = settings.landing.local_path / "expected_counts.json"
        if not file.exists():
            return {}
    remedy = 'Correct it to a JSON object such as {"customer_landing": 956}, or unset STEDI_EXPECTED_COUNTS.'
    try:
        counts = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise StediError(f"The expected counts cannot be read: {file}: {error.strerror}.", remedy) from None
    except ValueError:
        raise StediError(f"The expected counts are not JSON: {file}.", remedy) from None
    if not isinstance(counts, dict) or not all(type(count) is int and count >= 0 for count in counts.values()):
        raise StediError(f"The expected counts are not an object from table to rows: {file}.", remedy)
    unknown = sorted(counts.keys() - TABLES.keys())
    if unknown:
        raise StediError(
            f"The expected counts name unknown tables: {', '.join(unknown)} in {file}.",
            f"The tables are {', '.join(TABLES)}.",
        )
    return counts
