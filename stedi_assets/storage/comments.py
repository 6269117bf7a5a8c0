"""Comments on columns, which the log of a Delta table keeps in the metadata of its schema."""

from collections.abc import Mapping
from contextlib import suppress

from deltalake import CommitProperties, DeltaTable, Field, Schema, write_deltalake
from deltalake.exceptions import DeltaError

from stedi_assets.storage.same_rows import SAME_ROWS_KEY

COMMENT = "comment"
"""The key of a column's metadata that every reader of Delta shows as its comment."""


def commented(schema: Schema, comments: Mapping[str, str]) -> Schema:
    """Returns a schema with comments on its columns.

    Args:
        schema: The schema.
        comments: From a column's name to its comment. Other columns keep theirs.
    """
    return Schema(
        [
            Field(
                each.name, each.type, nullable=each.nullable, metadata={**each.metadata, COMMENT: comments[each.name]}
            )
            if each.name in comments
            else each
            for each in schema.fields
        ]
    )


def comment_columns(current: DeltaTable, comments: Mapping[str, str]) -> None:
    """Gives the columns of a table other comments, in one commit that changes no row; none where they have them.

    It goes before a commit that adds files, which cannot change the schema. If it fails, the comments wait for the next
    such commit: they are not worth a run, and where another writer was first, the commit of the files says so.

    Args:
        current: The table, which is at the version of the commit afterwards.
        comments: From a column's name to its comment.
    """
    schema = commented(current.schema(), comments)
    if schema == current.schema():
        return
    # Imported here: few runs need it.
    import arro3.core  # noqa: PLC0415

    no_rows = arro3.core.Table.from_batches([], schema=schema.to_arrow())
    # Without retries, the commit never comes on top of another writer's.
    properties = CommitProperties(custom_metadata={SAME_ROWS_KEY: "true"}, max_commit_retries=0)
    with suppress(DeltaError, OSError):
        # deltalake has a commit for one column's metadata only. No row matches the predicate, so that none is replaced.
        write_deltalake(
            current,
            no_rows,
            mode="overwrite",
            schema_mode="overwrite",
            predicate="false",
            commit_properties=properties,
        )
