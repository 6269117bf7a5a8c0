"""Python imports this where its folder is on PYTHONPATH: what a process under libfaketime needs besides.

`time.sleep` tells the system the instant at which it ends. libfaketime takes this instant for a time of day, so that
the call fails.
"""

import select
import time


def sleep(seconds: float) -> None:
    """Waits as `time.sleep` does, by another system call."""
    select.select([], [], [], seconds)


time.sleep = sleep
