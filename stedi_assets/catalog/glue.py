"""The AWS Glue Data Catalog, in which Athena, EMR and other programs look tables up.

Each entry describes a Delta table the way Athena engine version 3 and Spark expect it. Both read the rows from the
Delta log at the entry's location. The columns, comments and statistics are for people, Lake Formation and planners.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stedi_assets.contract import TABLES, column_descriptions
from stedi_assets.engines.engine import Written
from stedi_assets.errors import CredentialsError, StediError
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.causes import ACCESS_DENIED, CAUSES, Cause
from stedi_assets.storage.location import Location

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import TableInputTypeDef, TableTypeDef

HIVE_TYPES = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint", "timestamp_ntz": "timestamp"}
"""From Delta's types to Glue's, where the names differ."""

DELTA_INPUT_FORMAT = "org.apache.hadoop.mapred.SequenceFileInputFormat"
"""The input format that Spark and Trino register for a Delta table, with the output format and SerDe below.

A program without Delta support fails on it. With Parquet's format, such a program would read old versions' files too.
"""

DELTA_OUTPUT_FORMAT = "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat"

DELTA_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"

CREATOR = {"created_by": "stedi_assets"}
"""Marks a database that this program created: `remove_database` removes no other."""

COMMENT_BYTES = 255
"""The longest comment of a column that Glue accepts, in bytes of UTF-8."""

ATTEMPTS = 3
"""How many times to put an entry that other runs change at the same time."""

CONFLICTS = frozenset({"AlreadyExistsException", "ConcurrentModificationException"})

DENIED_WITHOUT_CODE = "403"
"""The code that botocore sets if Glue, or another server with its protocol, denies access without a code."""


class GlueCatalog:
    """A database of the AWS Glue Data Catalog.

    Args:
        database: Its name. `register` creates a missing database.
        aws: The credentials and the endpoint.
    """

    def __init__(self, database: str, aws: Aws) -> None:
        self._database = database
        self._aws = aws

    def register(self, name: str, folder: Location, version: int, written: Written) -> str:
        """Creates or updates the entry of a table; creates the database where it does not exist.

        An entry that is up to date is left alone, without a request to change it.

        Args:
            name: The table's name.
            folder: The table's folder.
            version: Its current Delta version.
            written: The columns and files of that version.

        Returns:
            The entry's name, with its database.

        Raises:
            StediError: Glue refuses, or has an entry of that name that is not a Delta table. The table itself is
                stored.
        """
        entry = table_input(name, folder, written)
        full_name = f"{self._database}.{entry['Name']}"
        unregistered = (
            f"The table {name} is stored at {folder} as version {version}, "
            f"but could not be registered in AWS Glue as {full_name}"
        )
        with _refusals_explained(unregistered, ", and materialize the asset again"):
            for _ in range(ATTEMPTS):
                if self._is_put(entry, unregistered):
                    return full_name
        raise StediError(f"{unregistered}: other runs keep changing it.", "Materialize the asset again.")

    def locations(self) -> dict[str, str]:
        """Returns the location of each Delta table that the database lists.

        Returns:
            From an entry's name to its location; empty where the database does not exist.

        Raises:
            StediError: Glue refuses.
        """
        with _refusals_explained(f"The tables of the Glue database {self._database} could not be listed"):
            try:
                pages = self._client.get_paginator("get_tables").paginate(DatabaseName=self._database)
                tables = [table for page in pages for table in page["TableList"]]
            except self._client.exceptions.EntityNotFoundException:
                return {}
        return {table["Name"]: table["StorageDescriptor"]["Location"] for table in tables if _is_delta(table)}

    def remove(self, name: str) -> None:
        """Removes an entry, and leaves the table. A missing entry is no error.

        Raises:
            StediError: Glue refuses.
        """
        missing = self._client.exceptions.EntityNotFoundException
        with _refusals_explained(f"{self._database}.{name} could not be removed from AWS Glue"), suppress(missing):
            self._client.delete_table(DatabaseName=self._database, Name=name)

    def remove_database(self) -> bool:
        """Removes the database if this program created it and it is empty.

        Returns:
            Whether the database was removed.

        Raises:
            StediError: Glue refuses.
        """
        with _refusals_explained(f"The database {self._database} could not be removed from AWS Glue"):
            try:
                database = self._client.get_database(Name=self._database)["Database"]
            except self._client.exceptions.EntityNotFoundException:
                return False
            if not CREATOR.items() <= database.get("Parameters", {}).items():
                return False
            if self._client.get_tables(DatabaseName=self._database)["TableList"]:
                return False
            self._client.delete_database(Name=self._database)
        return True

    def _is_put(self, entry: "TableInputTypeDef", unregistered: str) -> bool:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        present = self._present(entry["Name"])
        if present is not None and not _is_delta(present):
            raise StediError(
                f"{unregistered}: an entry of that name is there that is not a Delta table.",
                "Remove or rename it, or set STEDI_GLUE_DATABASE to another database, and materialize the asset again.",
            )
        try:
            if present is None:
                self._create(entry)
            elif not _holds(present, entry):
                # Other programs may have added parameters: keep them. SkipArchive: Glue need not keep old versions of
                # the entry, because the Delta log has all versions of the table.
                entry = {**entry, "Parameters": {**present["Parameters"], **entry["Parameters"]}}
                self._client.update_table(DatabaseName=self._database, TableInput=entry, SkipArchive=True)
        except ClientError as error:
            if error.response["Error"]["Code"] not in CONFLICTS:
                raise
            return False
        return True

    def _present(self, name: str) -> "TableTypeDef | None":
        try:
            return self._client.get_table(DatabaseName=self._database, Name=name)["Table"]
        except self._client.exceptions.EntityNotFoundException:
            return None

    def _create(self, entry: "TableInputTypeDef") -> None:
        try:
            self._client.create_table(DatabaseName=self._database, TableInput=entry)
        except self._client.exceptions.EntityNotFoundException:
            with suppress(self._client.exceptions.AlreadyExistsException):
                self._client.create_database(
                    DatabaseInput={
                        "Name": self._database,
                        "Description": "The tables of the lakehouse.",
                        "Parameters": CREATOR,
                    }
                )
            self._client.create_table(DatabaseName=self._database, TableInput=entry)

    @cached_property
    def _client(self) -> "GlueClient":
        return self._aws.client("glue")


def table_input(name: str, folder: Location, written: Written) -> "TableInputTypeDef":
    """Returns the entry of a table, as Glue's `CreateTable` and `UpdateTable` take it.

    Args:
        name: The table's name.
        folder: The table's folder.
        written: The columns and files of its current version.
    """
    table = TABLES.get(name)
    comments = column_descriptions(name)
    location = f"{folder}/"
    rows, size, files = str(written.rows), str(written.bytes), str(len(written.files))
    return {
        "Name": name.lower(),
        "Description": table.description if table else "",
        "TableType": "EXTERNAL_TABLE",
        # Athena cannot read an entry without this key, even if the table is not partitioned.
        "PartitionKeys": [],
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "delta",
            "table_type": "DELTA",
            "spark.sql.sources.provider": "delta",
            # The statistics under the names that Hive and Spark read, then under the names of Glue and Athena.
            **{"numRows": rows, "totalSize": size, "numFiles": files},
            **{"recordCount": rows, "sizeKey": size, "objectCount": files},
        },
        "StorageDescriptor": {
            "Columns": [
                {
                    "Name": field["name"].lower(),
                    "Type": _hive_type(field["type"]),
                    "Comment": _comment(comments.get(field["name"]) or field["metadata"].get("comment", "")),
                }
                for field in json.loads(written.schema.to_json())["fields"]
            ],
            "Location": location,
            "InputFormat": DELTA_INPUT_FORMAT,
            "OutputFormat": DELTA_OUTPUT_FORMAT,
            # Trino looks for the table here.
            "SerdeInfo": {"SerializationLibrary": DELTA_SERDE, "Parameters": {"path": location}},
        },
    }


def _hive_type(kind: Any) -> str:
    """Returns Glue's name of a type from a Delta schema's JSON."""
    if isinstance(kind, str):
        return HIVE_TYPES.get(kind, kind)
    match kind["type"]:
        case "array":
            return f"array<{_hive_type(kind['elementType'])}>"
        case "map":
            return f"map<{_hive_type(kind['keyType'])},{_hive_type(kind['valueType'])}>"
    fields = (f"{field['name'].lower()}:{_hive_type(field['type'])}" for field in kind["fields"])
    return f"struct<{','.join(fields)}>"


def _comment(text: str) -> str:
    return " ".join(text.split()).encode()[:COMMENT_BYTES].decode(errors="ignore")


def _is_delta(table: "TableTypeDef") -> bool:
    parameters = table.get("Parameters", {})
    kinds = (parameters.get("table_type", ""), parameters.get("spark.sql.sources.provider", ""))
    return "delta" in [kind.lower() for kind in kinds]


def _holds(present: Any, wanted: Any) -> bool:
    """Whether an entry has all the wanted values. Keys that Glue or another program added are ignored."""
    if not present or not wanted:
        return not present and not wanted
    if isinstance(wanted, dict):
        return all(_holds(present.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(present) == len(wanted) and all(map(_holds, present, wanted))
    return bool(present == wanted)


@contextmanager
def _refusals_explained(problem: str, afterwards: str = "") -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise _refusal(error, problem, afterwards) from None
    except BotoCoreError as error:
        raise StediError(
            f"{problem}: it could not be reached, {type(error).__name__}.",
            f"Check AWS_ENDPOINT_URL, AWS_REGION and the network{afterwards}.",
        ) from None


def _refusal(error: "ClientError", problem: str, afterwards: str) -> StediError:
    code = error.response["Error"]["Code"]
    unknown = Cause(f"it answered {code}", "Try again, or see AWS's own documentation")
    cause = ACCESS_DENIED if code == DENIED_WITHOUT_CODE else CAUSES.get(code, unknown)
    message, remedy = f"{problem}: {cause.sentence}, glue:{error.operation_name}.", f"{cause.remedy}{afterwards}."
    if cause.is_about_credentials:
        return CredentialsError(message, remedy, code=code, service="glue")
    return StediError(message, remedy)
