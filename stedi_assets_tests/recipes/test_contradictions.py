"""A contract that contradicts itself, or that has a table in one of its two places alone, is refused by name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stedi_assets.contract import (
    ACCELEROMETER_COLUMNS,
    CUSTOMERS,
    DEVICE,
    SOURCES,
    TABLES,
    TIMESTAMP,
    Column,
    Identifier,
    Source,
    Table,
)
from stedi_assets.defs.contradictions import refuse_contradictions
from stedi_assets.errors import StediError
from stedi_assets_tests.support.commands import run
from stedi_assets_tests.support.recipes import copied_package

WATCH = Column("watch", "VARCHAR", "Number.", personal=True, identifies=Identifier("watch number"))


def with_source(*columns: Column, event_time: str | None = None) -> tuple[Mapping[str, Source], Mapping[str, Table]]:
    """The contract with another source."""
    source = Source("heart_rate", "Heart rates", columns, event_time)
    added = {table.name: table for table in (source.landing_table, source.quarantine_table)}
    return {**SOURCES, source.name: source}, {**TABLES, **added}


def with_path(path: str) -> tuple[Mapping[str, Source], Mapping[str, Table]]:
    """The contract with another folder of a table."""
    return SOURCES, {**TABLES, "customer_curated": replace(TABLES["customer_curated"], path=path)}


CONTRACTS: Mapping[str, tuple[tuple[Mapping[str, Source], Mapping[str, Table]], str]] = {
    "a source whose tables are missing": (
        (with_source(TIMESTAMP)[0], TABLES),
        "The source heart_rate_files has no table heart_rate_landing in TABLES. Begin TABLES with tables_of(…)",
    ),
    "an identifier that customers do not have": (
        with_source(WATCH),
        "watch of heart_rate_files identifies a customer by the watch number, which customer_files does not have: no "
        "erasure would find these records.",
    ),
    "an identifier that is not personal": (
        with_source(Column("serialNumber", "VARCHAR", "Of the watch.", identifies=DEVICE)),
        "serialNumber of heart_rate_landing identifies a customer, and is not a personal column of text.",
    ),
    "an identifier that is a number": (
        with_source(Column("serialNumber", "BIGINT", "Of the watch.", personal=True, identifies=DEVICE)),
        "serialNumber of heart_rate_landing identifies a customer, and is not a personal column of text.",
    ),
    "one name with two meanings": (
        with_source(Column("USER", "VARCHAR", "Name of the watch.")),
        "does not identify a customer by the same in heart_rate_landing as in",
    ),
    "an event time that is no column": (
        with_source(TIMESTAMP, event_time="instant"),
        "The event time instant is not a BIGINT column of heart_rate_landing.",
    ),
    "two tables in one folder": (
        with_path("customer/trusted"),
        "customer_trusted lies in the folder of customer_curated, customer/trusted.",
    ),
    "a table in the folder of another": (
        with_path("customer/trusted/curated"),
        "customer_curated lies in the folder of customer_trusted, customer/trusted.",
    ),
    "a table among those of other assets": (
        with_path("assets/customer_curated"),
        "customer_curated lies in assets, the folder of other assets.",
    ),
}


@pytest.mark.parametrize("case", CONTRACTS)
def test_a_contract_that_contradicts_itself_is_refused(case: str) -> None:
    (sources, tables), what = CONTRACTS[case]
    with pytest.raises(StediError) as refused:
        refuse_contradictions(sources, tables, CUSTOMERS)
    assert what in refused.value.message
    assert refused.value.message.endswith("in stedi_assets/contract.py.")


def test_customers_without_an_email_are_refused() -> None:
    phones = SOURCES["step_trainer_files"]
    with pytest.raises(StediError, match="step_trainer_files, the source of customers, has 0 columns that identify"):
        refuse_contradictions(SOURCES, TABLES, phones)


def test_the_contract_of_this_repository_is_not_refused() -> None:
    refuse_contradictions(*with_source(*ACCELEROMETER_COLUMNS, event_time=TIMESTAMP.name), CUSTOMERS)
    refuse_contradictions(SOURCES, TABLES, CUSTOMERS)


FUNCTION = """
from stedi_assets import Query, table_asset


@table_asset(deps=["customer_landing"])
def {name}() -> Query:
    return Query("SELECT * FROM customer_landing")
"""


def in_a_new_module(name: str) -> Callable[[Path], None]:
    def write(package: Path) -> None:
        (package / "stedi_assets/defs/assets/new.py").write_text(FUNCTION.format(name=name))

    return write


def removed_function(package: Path) -> None:
    module = package / "stedi_assets/defs/assets/trusted.py"
    module.write_text(module.read_text().replace("def customer_trusted(", "def forgotten("))


def unnamed_function(package: Path) -> None:
    module = package / "stedi_assets/defs/assets/trusted.py"
    module.write_text(module.read_text().replace('@table_asset(deps=["customer_landing"])\n', ""))


def checks_of_no_table(package: Path) -> None:
    module = package / "stedi_assets/defs/checks/specific.py"
    module.write_text(module.read_text().replace('"customer_curated": (', '"customer_ages": ('))


FORGOTTEN: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "a table without a function": (
        unnamed_function,
        "customer_trusted is a table of the contract, and no module of stedi_assets/defs/assets declares it. Write a "
        "function customer_trusted with @table_asset(deps=[…]), or remove the table from stedi_assets/contract.py.",
    ),
    "a function of another name": (
        removed_function,
        "The asset forgotten has no table in the contract. Add it to TABLES in stedi_assets/contract.py.",
    ),
    "a function in a new module without a table": (
        in_a_new_module("customer_ages"),
        "The asset customer_ages has no table in the contract. Add it to TABLES in stedi_assets/contract.py.",
    ),
    "a second function of a table": (
        in_a_new_module("customer_trusted"),
        "customer_trusted is declared in stedi_assets.defs.assets.",
    ),
    "a function of a landing table": (
        in_a_new_module("customer_landing"),
        "customer_landing is a table of a source, which a run fills from the raw files. Remove the function "
        "customer_landing, or give it the name of another table in stedi_assets/contract.py.",
    ),
    "a function of a quarantine": (
        in_a_new_module("customer_quarantine"),
        "customer_quarantine is a table of a source, which a run fills from the raw files.",
    ),
    "checks of a table that left": (
        checks_of_no_table,
        "customer_ages has checks, and is not a table of the contract. Remove them from "
        "stedi_assets/defs/checks/specific.py, or add the table to stedi_assets/contract.py.",
    ),
}
"""From what was forgotten to the edit of a copy of the package, and the beginning of the message."""


@pytest.mark.parametrize("case", FORGOTTEN)
def test_a_table_in_one_of_its_two_places_alone_is_refused_with_the_file_to_edit(case: str, tmp_path: Path) -> None:
    edit, message = FORGOTTEN[case]
    edit(copied_package(tmp_path))
    finished = run("stedi", "run", "--plan", folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert finished.exit_code == 1
    assert finished.output.startswith(f"Error: {message}")
    assert len(finished.output.splitlines()) == 1
