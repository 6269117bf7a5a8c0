"""The landing zone: every record as it arrived, typed by the contract."""

from stedi_assets.contract import SOURCES, Source
from stedi_assets.defs.assets.table_asset import TableAsset
from stedi_assets.query import Query


def landing_asset(source: Source) -> TableAsset:
    """Returns the asset of a source's landing table, which holds every record of the source."""
    query = Query(f"SELECT * FROM {source.name}")
    return TableAsset(source.landing_table, query, [source.name], landing_asset)


LANDING_ASSETS = tuple(map(landing_asset, SOURCES.values()))
