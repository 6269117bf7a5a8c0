"""A stopwatch for consecutive phases of work."""

import time


class Stopwatch:
    """Measures consecutive phases. The first phase begins when the stopwatch is created.

    Attributes:
        phases: From the name of each phase that has ended to its duration in seconds, all its times together.
    """

    def __init__(self) -> None:
        self._started = self._phase_started = time.perf_counter()
        self.phases: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Seconds since the stopwatch was created."""
        return time.perf_counter() - self._started

    def end(self, phase: str) -> None:
        """Ends the current phase under a name, and begins the next one."""
        now = time.perf_counter()
        self.phases[phase] = self.phases.get(phase, 0) + now - self._phase_started
        self._phase_started = now
