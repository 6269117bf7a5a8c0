"""What part of engine × place a group of tests proves, and therefore runs on."""

from typing import NamedTuple

import pytest


class Cell(NamedTuple):
    """An engine and a kind of place."""

    engine: str
    place_kind: str


DEFAULT = Cell("duckdb", "local")
"""Where a test runs that names nothing else."""

ENGINES = (DEFAULT, Cell("spark", "local"))
PLACES = (DEFAULT, Cell("duckdb", "versitygw"))
ENGINES_AND_PLACES = (*ENGINES, Cell("duckdb", "versitygw"))
WHOLE = (*ENGINES_AND_PLACES, Cell("spark", "versitygw"))

on_both_engines = pytest.mark.grid(ENGINES)
"""What SQL means: a place does not change it."""

in_both_places = pytest.mark.grid(PLACES)
"""How files are read and written: an engine does not change it."""

on_both_engines_and_in_both_places = pytest.mark.grid(ENGINES_AND_PLACES)
"""What an engine does by itself and each place in another way; Spark in a bucket has its representatives."""

on_the_whole_grid = pytest.mark.grid(WHOLE)
"""Acceptance, and the representatives of Spark in a bucket."""

on_duckdb = pytest.mark.grid((DEFAULT,))
on_spark = pytest.mark.grid((Cell("spark", "local"),))
in_a_bucket = pytest.mark.grid((Cell("duckdb", "versitygw"),))
"""What only a bucket has."""

in_moto = pytest.mark.grid((Cell("duckdb", "moto"),))
"""What only moto has: Glue, roles, object versions."""
