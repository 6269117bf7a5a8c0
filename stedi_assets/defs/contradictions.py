"""Refuses a contract that contradicts itself, before anything is read, built or erased by it."""

from collections.abc import Iterator, Mapping

from stedi_assets.contract import EMAIL, OTHER_TABLES, Source, Table
from stedi_assets.errors import StediError

CONTRACT = "stedi_assets/contract.py"


def refuse_contradictions(sources: Mapping[str, Source], tables: Mapping[str, Table], customers: Source) -> None:
    """Refuses a contract that contradicts itself.

    Args:
        sources: The sources, by name.
        tables: The tables, by name.
        customers: The source that knows the customers.

    Raises:
        StediError: A table of a source is missing, two tables share a folder, the records of a customer could not be
            found by their identifiers, or a column is not what another part of the contract says.
    """
    for what, remedy in (
        *_about_tables(sources, tables),
        *_about_identifiers(sources, customers),
        *_about_names(tables),
    ):
        raise StediError(what, f"{remedy} in {CONTRACT}.")


def _about_tables(sources: Mapping[str, Source], tables: Mapping[str, Table]) -> Iterator[tuple[str, str]]:
    for source in sources.values():
        for table in (source.landing_table, source.quarantine_table):
            if tables.get(table.name) != table:
                yield f"The source {source.name} has no table {table.name} in TABLES.", "Begin TABLES with tables_of(…)"
    for name, table in tables.items():
        instants = [column.name for column in table.columns if column.type == "BIGINT"]
        if table.event_time not in (None, *instants):
            yield f"The event time {table.event_time} is not a BIGINT column of {name}.", "Correct it"
        for other_name, other in tables.items():
            if name != other_name and f"{table.path}/".startswith(f"{other.path}/"):
                yield f"{name} lies in the folder of {other_name}, {other.path}.", "Give each table a folder of its own"
        if f"{table.path}/".startswith(f"{OTHER_TABLES}/"):
            yield f"{name} lies in {OTHER_TABLES}, the folder of other assets.", "Give it another folder"


def _about_identifiers(sources: Mapping[str, Source], customers: Source) -> Iterator[tuple[str, str]]:
    known = [column.identifies for column in customers.columns if column.identifies]
    if known.count(EMAIL) != 1:
        yield (
            f"{customers.name}, the source of customers, has {known.count(EMAIL)} columns that identify a customer by "
            "the email.",
            "Mark one",
        )
    for source in sources.values():
        for column in source.columns:
            if column.identifies and column.identifies not in known:
                yield (
                    f"{column.name} of {source.name} identifies a customer by the {column.identifies.name}, which "
                    f"{customers.name} does not have: no erasure would find these records.",
                    f"Add a column with it to the columns of {customers.name}, or correct it",
                )


def _about_names(tables: Mapping[str, Table]) -> Iterator[tuple[str, str]]:
    meanings = {
        column.name.lower(): (column, name)
        for name, table in tables.items()
        for column in table.columns
        if column.identifies
    }
    for name, table in tables.items():
        for column in table.columns:
            if column.identifies and not (column.personal and column.type == "VARCHAR"):
                yield (
                    f"{column.name} of {name} identifies a customer, and is not a personal column of text.",
                    "Make it personal, with the type VARCHAR",
                )
            other, elsewhere = meanings.get(column.name.lower(), (column, name))
            if column.identifies != other.identifies:
                yield (
                    f"{column.name} does not identify a customer by the same in {name} as in {elsewhere}.",
                    "Give it the same meaning everywhere, or another name",
                )
