"""Edits of the SELECTs, as a developer makes them."""

from dataclasses import replace

import pytest

from stedi_assets.defs.assets import TABLE_ASSETS
from stedi_assets.query import Query


def edit(monkeypatch: pytest.MonkeyPatch, table: str, query: Query) -> None:
    """Gives a table's asset another SELECT. Definitions that are built from now on have it."""
    edited = [replace(each, query=query) if each.name == table else each for each in TABLE_ASSETS]
    monkeypatch.setattr("stedi_assets.definitions.TABLE_ASSETS", tuple(edited))
