"""Records out of any bytes: a library that needs the standard library alone.

`README.md` in this folder is its specification. `stedi_assets.salvage.arrow` reads the same for engines that hand over
files in pieces; it needs pyarrow, so it is not part of these names.
"""

from stedi_assets.salvage.buffer import Limits
from stedi_assets.salvage.columns import ColumnLike, SqlType
from stedi_assets.salvage.content import Content
from stedi_assets.salvage.reasons import SENTENCES, ReasonCode
from stedi_assets.salvage.records import (
    OTHER_UNKNOWN_KEYS,
    Batch,
    QuarantinedRecord,
    RecordReader,
    Totals,
    damaged_compression,
)
from stedi_assets.salvage.values import Value

__all__ = [
    "OTHER_UNKNOWN_KEYS",
    "SENTENCES",
    "Batch",
    "ColumnLike",
    "Content",
    "Limits",
    "QuarantinedRecord",
    "ReasonCode",
    "RecordReader",
    "SqlType",
    "Totals",
    "Value",
    "damaged_compression",
]
