"""AWS Glue: what Athena, EMR and others look tables up in.

An entry is a Delta table as Athena's engine version 3 and Spark read it themselves: they take the rows from the log at
its location, and the columns, comments and statistics here are for people, Lake Formation and planners.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stedi_assets.contract import TABLES
from stedi_assets.errors import CredentialsError, StediError
from stedi_assets.lakehouse.stored import Stored
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.causes import ACCESS_DENIED, CAUSES, Cause

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import TableInputTypeDef, TableTypeDef

HIVE_TYPES = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint", "timestamp_ntz": "timestamp"}
"""From Delta's types to Glue's, where the names differ."""

DELTA_INPUT_FORMAT = "org.apache.hadoop.mapred.SequenceFileInputFormat"
"""What Spark and Trino register for a Delta table, with the two below. A program that does not know Delta fails on it;
were it Parquet's, such a program would read the files of old versions too."""

DELTA_OUTPUT_FORMAT = "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat"

DELTA_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"

CREATOR = {"created_by": "stedi_assets"}
"""Marks a database that was created here, so that nobody else's is ever removed."""

COMMENT_BYTES = 255
"""The most that Glue keeps of a column's comment."""

TRIES = 3
"""How often an entry is looked at again that another run changes at the same time."""

CHANGED_MEANWHILE = frozenset({"AlreadyExistsException", "ConcurrentModificationException"})

DENIED_WITHOUT_CODE = "403"
"""The code that botocore makes up where Glue, or a server that speaks its protocol, denies access and gives none."""


class GlueCatalog:
    """A database of the AWS Glue Data Catalog.

    Args:
        database: Its name; it need not exist.
        aws: How Glue is reached.
    """

    def __init__(self, database: str, aws: Aws) -> None:
        self._database = database
        self._aws = aws

    def register(self, name: str, stored: Stored) -> str:
        """Makes the entry of a table what the table is now, and creates the entry and the database where missing.

        Where the entry says so already, nothing is sent.

        Args:
            name: The table's name.
            stored: Its current version.

        Returns:
            The entry's name, with its database.

        Raises:
            StediError: Glue refuses, or has an entry of that name that is no Delta table. The table itself is stored.
        """
        entry = table_input(name, stored)
        full_name = f"{self._database}.{entry['Name']}"
        unregistered = (
            f"The table {name} is stored at {stored.folder} as version {stored.version}, "
            f"but could not be registered in AWS Glue as {full_name}"
        )
        with _refusals_explained(unregistered, ", and materialize the asset again"):
            for _ in range(TRIES):
                if self._is_put(entry, unregistered):
                    return full_name
        raise StediError(f"{unregistered}: other runs keep changing it.", "Materialize the asset again.")

    def locations(self) -> dict[str, str]:
        """Looks up where the tables lie.

        Returns:
            From an entry's name to its location, for those that are Delta tables; empty where there is no database.

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
        """Removes an entry; not the table.

        Args:
            name: The entry's name.

        Raises:
            StediError: Glue refuses.
        """
        missing = self._client.exceptions.EntityNotFoundException
        with _refusals_explained(f"{self._database}.{name} could not be removed from AWS Glue"), suppress(missing):
            self._client.delete_table(DatabaseName=self._database, Name=name)

    def remove_database(self) -> bool:
        """Removes the database where it was created here and is empty.

        Returns:
            Whether it was.

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
                # Others may have added parameters. An older version of the entry is of no use: the log has them all.
                entry = {**entry, "Parameters": {**present["Parameters"], **entry["Parameters"]}}
                self._client.update_table(DatabaseName=self._database, TableInput=entry, SkipArchive=True)
        except ClientError as error:
            if error.response["Error"]["Code"] not in CHANGED_MEANWHILE:
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


def table_input(name: str, stored: Stored) -> "TableInputTypeDef":
    """Writes the entry of a table.

    Args:
        name: The table's name.
        stored: Its current version.
    """
    table = TABLES.get(name)
    comments = {column.name: column.description for column in table.columns} if table else {}
    location = f"{stored.folder}/"
    rows, size, files = str(stored.written.rows), str(stored.written.bytes), str(len(stored.written.files))
    return {
        "Name": name.lower(),
        "Description": table.description if table else "",
        "TableType": "EXTERNAL_TABLE",
        # Athena cannot read an entry without them, not even of a table that has none.
        "PartitionKeys": [],
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "delta",
            "table_type": "DELTA",
            "spark.sql.sources.provider": "delta",
            # The same twice: by the names that Hive and Spark know, and by those of Glue and Athena.
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
                for field in json.loads(stored.written.schema.to_json())["fields"]
            ],
            "Location": location,
            "InputFormat": DELTA_INPUT_FORMAT,
            "OutputFormat": DELTA_OUTPUT_FORMAT,
            # Trino looks for the table here.
            "SerdeInfo": {"SerializationLibrary": DELTA_SERDE, "Parameters": {"path": location}},
        },
    }


def _hive_type(kind: Any) -> str:
    """Translates a type of Delta's JSON."""
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
    """Whether an entry says what it should. What Glue and others have added to it does not matter."""
    if not present or not wanted:
        return not present and not wanted
    if isinstance(wanted, dict):
        return all(_holds(present.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(present) == len(wanted) and all(map(_holds, present, wanted))
    return bool(present == wanted)


@contextmanager
def _refusals_explained(what: str, afterwards: str = "") -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise _refusal(error, what, afterwards) from None
    except BotoCoreError as error:
        raise StediError(
            f"{what}: it could not be reached, {type(error).__name__}.",
            f"Check AWS_ENDPOINT_URL, AWS_REGION and the network{afterwards}.",
        ) from None


def _refusal(error: "ClientError", what: str, afterwards: str) -> StediError:
    code = error.response["Error"]["Code"]
    unknown = Cause(f"it answered {code}", "Try again, or see AWS's own documentation")
    cause = ACCESS_DENIED if code == DENIED_WITHOUT_CODE else CAUSES.get(code, unknown)
    what, remedy = f"{what}: {cause.sentence}, glue:{error.operation_name}.", f"{cause.remedy}{afterwards}."
    if cause.is_about_credentials:
        return CredentialsError(what, remedy, code=code, service="glue")
    return StediError(what, remedy)
