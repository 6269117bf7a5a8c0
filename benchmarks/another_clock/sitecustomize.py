"""Python imports this where its folder is on PYTHONPATH: what a process under libfaketime needs besides.

libfaketime reads the instant until which `time.sleep` sleeps as one of the wall's clock, so that the call fails.
"""

import select
import time


def sleep(seconds: float) -> None:
    """Waits as `time.sleep` does, by another system call."""
    select.select([], [], [], seconds)


time.sleep = sleep
