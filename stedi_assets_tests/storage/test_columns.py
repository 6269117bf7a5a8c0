"""The columns in a table's log are those of its files: a commit changes both at once, or is refused."""

import json

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Schema

from stedi_assets.engines.engine import Engine, Written
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.query import Query
from stedi_assets.storage import delta
from stedi_assets.storage.columns import column_types, difference
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.grid import on_both_engines, on_both_engines_and_in_both_places
from stedi_assets_tests.support.places import Place

OTHER_COLUMNS = {
    "SELECT 1.5 AS a, 'x' AS b": "a is",
    "SELECT 1 AS a": "b is missing",
    "SELECT 1 AS a, 'x' AS b, 3 AS c": "c is not among them",
    "SELECT 1 AS A, 'x' AS b": "a is missing, A is not among them",
}
"""From a SELECT to how its columns differ from a whole number `a` and a text `b`."""


@pytest.fixture
def folder(place: Place) -> Location:
    return place.location("lakehouse/table")


def open_table(folder: Location) -> DeltaTable:
    opened = delta.open_table(folder)
    assert opened is not None
    return opened


def created(folder: Location, computing: Engine) -> DeltaTable:
    written = computing.write(Query("SELECT 1 AS a, 'x' AS b"), folder)
    delta.commit(None, folder, written.schema, written.files, {}, None)
    return open_table(folder)


def replaced(folder: Location, written: Written) -> DeltaTable:
    delta.commit(open_table(folder), folder, written.schema, written.files, {}, None)
    return open_table(folder)


def stored_files(folder: Location) -> set[str]:
    return {file.path for file in folder.files.walk(str(folder)) if file.path.endswith(".parquet")}


@on_both_engines_and_in_both_places
@pytest.mark.parametrize("select", [*OTHER_COLUMNS, "SELECT 'x' AS b, 1 AS a"])
def test_a_commit_that_replaces_a_table_gives_the_log_the_columns_of_its_files_in_order(
    folder: Location, computing: Engine, select: str
) -> None:
    first = created(folder, computing)
    written = computing.write(Query(select), folder)
    second = replaced(folder, written)
    assert list(column_types(second.schema()).items()) == list(column_types(written.schema).items())
    assert second.version() == first.version() + 1
    second.load_as_version(0)
    assert column_types(second.schema()) == column_types(first.schema())


@on_both_engines
def test_a_computed_table_takes_the_columns_of_its_select(place: Place, computing: Engine) -> None:
    lakehouse = Lakehouse(place.location("lakehouse"), place.location("landing"), computing)
    for select, columns in (
        ("SELECT 1 AS a, 'x' AS b", {"a": "integer", "b": "string"}),
        ("SELECT 'y' AS a, 2 AS c", {"a": "string", "c": "integer"}),
    ):
        lakehouse.store("mine", Query(select), "a run")
        assert lakehouse.columns("mine") == columns
    assert lakehouse.rows("SELECT * FROM mine") == [{"a": "y", "c": 2}]


def test_the_mark_of_another_order_goes_with_the_next_commit(folder: Location, computing: Engine) -> None:
    created(folder, computing)
    marks = [
        [field.metadata for field in replaced(folder, computing.write(Query(select), folder)).schema().fields]
        for select in 2 * ["SELECT 'x' AS b, 1 AS a"]
    ]
    assert marks == [[{"stedi.order": "changed"}, {}], [{}, {}]]


@on_both_engines_and_in_both_places
@pytest.mark.parametrize("select", OTHER_COLUMNS)
def test_files_with_other_columns_are_not_added_to_a_table_and_none_is_left(
    folder: Location, computing: Engine, select: str
) -> None:
    current = created(folder, computing)
    before = stored_files(folder)
    written = computing.write(Query(select), folder)
    with pytest.raises(StediError) as refused:
        delta.amend(current, folder, written.files, [], {})
    assert f"table at {folder} do not have the columns of its log: {OTHER_COLUMNS[select]}" in str(refused.value)
    assert open_table(folder).version() == 0
    assert stored_files(folder) == before


@pytest.mark.parametrize("exists", [False, True])
def test_files_with_other_columns_than_the_new_schema_do_not_become_a_table(
    folder: Location, computing: Engine, exists: bool
) -> None:
    current = created(folder, computing) if exists else None
    before = stored_files(folder) if exists else set()
    first, other = (computing.write(Query(select), folder) for select in ("SELECT 1 AS a", "SELECT 'x' AS a"))
    with pytest.raises(StediError, match="a is string and not integer"):
        delta.commit(current, folder, first.schema, [*first.files, *other.files], {}, None)
    assert stored_files(folder) == before
    opened = delta.open_table(folder)
    assert (opened.version() if opened else None) == (0 if exists else None)


def test_whether_a_column_may_be_null_does_not_matter(folder: Location, computing: Engine) -> None:
    current = created(folder, computing)
    (file,) = computing.write(Query("SELECT 2 AS a, 'y' AS b"), folder).files
    strict = Schema.from_json(file.schema.to_json().replace('"nullable":true', '"nullable":false'))
    assert strict != file.schema
    assert delta.amend(current, folder, [delta.DataFile(file.path, file.size, 1, strict, {})], [], {}) == 1


@pytest.mark.parametrize(
    ("kind", "other", "is_equal"),
    [
        (pa.list_(pa.field("item", pa.int64(), nullable=False)), pa.list_(pa.int64()), True),
        (pa.struct([pa.field("a", pa.int64(), nullable=False)]), pa.struct([("a", pa.int64())]), True),
        (pa.struct([("a", pa.int64())]), pa.struct([("b", pa.int64())]), False),
        (pa.list_(pa.int64()), pa.list_(pa.string()), False),
        (pa.map_(pa.string(), pa.int64()), pa.map_(pa.string(), pa.float64()), False),
        (pa.decimal128(10, 2), pa.decimal128(10, 3), False),
    ],
)
def test_types_with_parts_are_compared_part_by_part(kind: pa.DataType, other: pa.DataType, is_equal: bool) -> None:
    one, another = (column_types(Schema.from_arrow(pa.schema([("a", each)]))) for each in (kind, other))
    assert (difference(one, another) == "") is is_equal


def test_the_names_of_parts_are_kept(folder: Location) -> None:
    schema = Schema.from_arrow(pa.schema([("a", pa.struct([("nullable", pa.int64())]))]))
    (kind,) = column_types(schema).values()
    assert json.loads(kind)["fields"] == [{"name": "nullable", "type": "long"}]
