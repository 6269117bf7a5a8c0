"""The settings: STEDI_* environment variables, read and validated once."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from stedi_assets.contract import RETENTION_DAYS, SOURCES, TABLES, folders_in_words
from stedi_assets.errors import StediError
from stedi_assets.landing.expected import EXPECTED_COUNTS, ExpectedCounts, read_counts
from stedi_assets.privacy.pseudonyms import KEY_BYTES
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.lease import WAIT_TIMEOUT_SECONDS
from stedi_assets.storage.location import Location

ENVIRONMENT_PREFIX = "STEDI_"

HEXADECIMAL_KEY = re.compile(rf"([0-9a-fA-F]{{2}}){{{KEY_BYTES},}}")

OWNER = re.compile(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Z|a-z]{2,7}\b|team:.+", re.DOTALL)
"""An owner as Dagster takes it. Dagster itself takes longer to import than most commands need."""

WEBHOOK = re.compile(r"https?://([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?([/?][!-~]*)?", re.ASCII)


def project_folder() -> Path:
    """Returns the folder of default paths: the checkout of this package, or else the current folder.

    In a checkout, the current folder of a command does not matter. An installed package has no checkout.
    """
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


def _location(value: object, known: ValidationInfo) -> object:
    return Location.parse(str(value), known.data["aws"]) if isinstance(value, str | Path) else value


def _with_links(landing: Location, known: ValidationInfo) -> Location:
    return replace(landing, follows_links=known.data.get("landing_links") == "follow")


def _for_tables(lakehouse: Location) -> Location:
    lakehouse.refuse_unusable_for_tables()
    return lakehouse


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _existing_folder(path: str) -> str:
    folder = _absolute(Path(path))
    if not path or not folder.is_dir():
        raise ValueError("it is not an existing folder")
    return str(folder)


def _spark_options(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        options = json.loads(value)
    except ValueError:
        raise ValueError("it is not a JSON object") from None
    if not isinstance(options, dict) or any(isinstance(option, dict | list) for option in options.values()):
        raise ValueError("it is not a JSON object from option to text, number or true or false")
    return {name: option if isinstance(option, str) else json.dumps(option) for name, option in options.items()}


def _key(key: SecretStr | None) -> SecretStr | None:
    if key is not None and not HEXADECIMAL_KEY.fullmatch(key.get_secret_value()):
        raise ValueError(
            f"it is not {KEY_BYTES} bytes or more as hexadecimal digits, such as openssl rand -hex 32 gives"
        )
    return key


def _webhook(url: SecretStr | None) -> SecretStr | None:
    if url is not None and not WEBHOOK.fullmatch(url.get_secret_value()):
        raise ValueError("it is not a URL such as https://host/path, without a user and with ASCII characters only")
    return url


def _owners(value: object) -> object:
    return tuple(owner.strip() for owner in value.split(",")) if isinstance(value, str) else value


def _of_owners(owners: tuple[str, ...]) -> tuple[str, ...]:
    for owner in owners:
        if not OWNER.fullmatch(owner):
            raise ValueError(f"{owner!r} is neither an email address nor a team such as team:data")
    return owners


FolderOrBucket = Annotated[Location, NoDecode, BeforeValidator(_location)]
LocalPath = Annotated[Path, AfterValidator(_absolute)]
Key = Annotated[SecretStr | None, AfterValidator(_key)]
Webhook = Annotated[SecretStr | None, AfterValidator(_webhook)]


class Settings(BaseSettings):
    """The choices of a user: each field is an environment variable, `STEDI_` and the field's name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    aws: Aws = Field(default_factory=Aws, repr=False)
    landing_links: Literal["refuse", "follow"] = Field(
        default="refuse",
        description="Whether a run follows a symbolic link that leads out of the landing root, or stops.",
    )
    landing: Annotated[FolderOrBucket, AfterValidator(_with_links)] = Field(
        default_factory=lambda: Location.parse(str(project_folder() / "data")),
        validate_default=True,
        description=f"The landing root: the folder with {folders_in_words()}.",
    )
    lakehouse: Annotated[FolderOrBucket, AfterValidator(_for_tables)] = Field(
        default_factory=lambda: Location.parse(str(project_folder() / "lakehouse")),
        description="The folder that holds the tables, one Delta table a folder.",
    )
    glue_database: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,255}$")] | None = Field(
        default=None,
        description="The AWS Glue database in which every table is registered, created where it does not exist.",
    )
    engine: Literal["duckdb", "spark"] = Field(default="duckdb", description="The engine that computes.")
    module: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")] = Field(
        default="stedi_assets.definitions",
        description="The module of the code location that stedi run materializes: one that merges these definitions "
        "with its own.",
    )
    executor: Literal["in_process", "multiprocess"] = Field(
        default="in_process", description="Whether Dagster runs all steps in one process, or each in its own."
    )
    gone_files: Literal["remove", "keep"] = Field(
        default="remove",
        description="Whether the rows of a raw file that is gone are removed from the tables, or stay. Choose keep to "
        "archive raw files.",
    )
    expected_counts: LocalPath | None = Field(
        default=None,
        description="A JSON file: an object from table to expected rows. By default expected_counts.json in the "
        "landing root, if it exists.",
    )
    max_quarantined: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="The largest fraction of a source's records that may be in quarantine. A larger one fails the run.",
    )
    lease_wait_timeout: int = Field(
        default=WAIT_TIMEOUT_SECONDS,
        ge=0,
        description="Seconds for which a run, an erasure, a vacuum or a removal waits for another one to end.",
    )
    full_refresh: bool = Field(
        default=False,
        description="Whether a run computes all of each table from all landing files, whatever has changed.",
    )
    declarative_automation: bool = Field(
        default=False,
        description="Whether Dagster's daemon lists the landing folders every 15 minutes and builds the tables whose "
        "inputs have changed.",
    )
    retention_days: int = Field(
        default=RETENTION_DAYS,
        ge=0,
        description="Days for which old versions stay readable. A run deletes what only older ones need. 0 deletes "
        "nothing: stedi vacuum does it by hand.",
    )
    run_history_days: int = Field(
        default=90,
        ge=0,
        description="Days for which finished runs stay in Dagster's history. A run deletes older ones, but for the "
        "latest of each asset. 0 deletes none.",
    )
    pseudonym_key: Key = Field(
        default=None,
        description="The key of the pseudonyms: 32 bytes or more, as hexadecimal digits. By default every build makes "
        "a random key.",
    )
    failure_webhook: Webhook = Field(
        default=None,
        description="The URL to which a sensor posts each failed run, as JSON with a text. By default there is no such "
        "sensor.",
    )
    owners: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_owners), AfterValidator(_of_owners)] = Field(
        default=(),
        description="Who answers for the tables, as Dagster shows it: email addresses and teams, such as team:data, "
        "with commas between them.",
    )
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{7,64})?$")] = Field(
        default="",
        description="The commit of this installation, for Dagster's page of the code location. An image needs it. By "
        "default the commit that pip has recorded, or that of the checkout.",
    )
    duckdb_memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?([KMGT]i?B|%)$")] | None = Field(
        default=None, description="The memory limit of DuckDB, such as 4GB. By default 80% of the machine's memory."
    )
    duckdb_spill_folder: Annotated[str, AfterValidator(_existing_folder)] | None = Field(
        default=None,
        description="The folder to which DuckDB spills. By default the system's temporary folder.",
    )
    spark_master: str = Field(
        default="local[*]",
        min_length=1,
        description="Where Spark runs: local[*], spark://host:port, yarn or k8s://… . SPARK_REMOTE overrides it.",
    )
    spark_jars: Annotated[str, AfterValidator(_existing_folder)] | None = Field(
        default=None,
        description="A folder with jars for Spark. By default Spark fetches the jars for S3 if a root is in a bucket.",
    )
    spark_conf: Annotated[dict[str, str], NoDecode, BeforeValidator(_spark_options)] = Field(
        default={}, description='Any options of Spark, as a JSON object such as {"spark.driver.memory": "8g"}.'
    )


def read_settings() -> Settings:
    """Reads the settings from the environment.

    Returns:
        The validated settings, with absolute locations: a relative path is taken from the current folder.

    Raises:
        StediError: A variable has a value that is not legal, is unknown, or does not go with another. The message
            names every such variable with what is legal.
    """
    _refuse_unknown_variables()
    try:
        settings = Settings()
    except ValidationError as error:
        raise StediError(
            "; ".join(_readable(problem["loc"], problem["msg"]) for problem in error.errors()) + ".",
            "Correct or unset the variable.",
        ) from None
    if settings.glue_database or not (settings.landing.is_local and settings.lakehouse.is_local):
        settings.aws.refuse_nonsense()
    refuse_overlapping_roots(settings.landing, settings.lakehouse)
    _refuse_local_tables_in_glue(settings)
    return settings


def _readable(location: tuple[int | str, ...], message: str) -> str:
    field = str(location[0])
    variable = f"{ENVIRONMENT_PREFIX}{field.upper()}"
    reason = message.removeprefix("Value error, ").removesuffix(".")
    is_secret = SecretStr in get_args(Settings.model_fields[field].annotation)
    shown = variable if is_secret else f"{variable}={os.environ.get(variable, '')!r}"
    return f"{shown} is not legal: {reason}"


def variables() -> set[str]:
    """Returns the names of the environment variables that are settings: each has a description."""
    fields = (name for name, field in Settings.model_fields.items() if field.description)
    return {f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in fields}


def _refuse_unknown_variables() -> None:
    known = variables()
    unknown = sorted(name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX) and name not in known)
    if unknown:
        raise StediError(
            f"Unknown setting {', '.join(unknown)}.", f"Unset it, or use one of {', '.join(sorted(known))}."
        )


def _refuse_local_tables_in_glue(settings: Settings) -> None:
    if settings.glue_database and settings.lakehouse.is_local:
        raise StediError(
            f"STEDI_GLUE_DATABASE is set, but the tables are stored at {settings.lakehouse}, which no reader of AWS "
            "Glue can reach.",
            "Set STEDI_LAKEHOUSE to s3://bucket/prefix, or unset STEDI_GLUE_DATABASE.",
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


def read_expected_counts(settings: Settings) -> ExpectedCounts:
    """Reads the expected rows of each table.

    Args:
        settings: Says which file: `expected_counts`, or `expected_counts.json` in a local landing root.

    Returns:
        The expected rows; none where there is no file. Those of a file that the user names hold for whatever landing
        files there are.

    Raises:
        StediError: The file is named but missing, is not a JSON object from table to whole number, or names a table
            that does not exist.
    """
    if settings.expected_counts is not None:
        return ExpectedCounts(read_counts(settings.expected_counts).rows)
    file = settings.landing.local_path / EXPECTED_COUNTS
    return read_counts(file) if settings.landing.is_local and file.exists() else ExpectedCounts({})
