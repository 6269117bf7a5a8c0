"""An engine that fails, as one does whose disk is full."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from stedi_assets.engines.engine import Engine, Written
from stedi_assets.errors import StediError
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.changing import Opened

FULL = "The disk is full."


class Failing:
    """An engine whose n-th write fails. For everything else it asks the engine behind it."""

    def __init__(self, engine: Engine, number: int) -> None:
        self._engine = engine
        self._left = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def write(self, value: Any, folder: Location, *, in_one_file: bool = False) -> Written:
        self._left -= 1
        if self._left == 0:
            raise StediError(FULL, "Free some space.")
        return self._engine.write(value, folder, in_one_file=in_one_file)


def failing(opened: Opened, number: int) -> Opened:
    """Opens an engine whose n-th write fails."""

    @contextmanager
    def open_failing(aws: Aws | None) -> Iterator[Engine]:
        with opened(aws) as engine:
            yield Failing(engine, number)

    def open_engine(aws: Aws | None) -> AbstractContextManager[Engine]:
        return open_failing(aws)

    return open_engine
