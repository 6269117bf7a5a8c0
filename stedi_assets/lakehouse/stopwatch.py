"""How long the phases of a piece of work take."""

import time


class Stopwatch:
    """Measures phases that follow one another, from when it is made.

    Attributes:
        phases: From each phase that has ended to the seconds it took.
    """

    def __init__(self) -> None:
        self._started = self._phase_started = time.perf_counter()
        self.phases: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """What everything took until now."""
        return time.perf_counter() - self._started

    def end(self, phase: str) -> None:
        """Notes that a phase has ended, with which the next one begins.

        Args:
            phase: Its name.
        """
        now = time.perf_counter()
        self.phases[phase] = now - self._phase_started
        self._phase_started = now
