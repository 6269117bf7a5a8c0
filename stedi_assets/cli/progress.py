"""The progress of a run: a line on standard error for each table as its step ends.

A logger of Dagster gets every event of a run as it happens, also those of the processes of the multiprocess executor.
"""

import logging
from typing import Any

import dagster
from rich.console import Console
from rich.text import Text

from stedi_assets.cli.results import TableResult
from stedi_assets.console.screen import stderr_console

PROGRESS = "progress"
"""The name of the logger in the configuration of a run."""

NAME_WIDTH, ROWS_WIDTH, CHANGE_WIDTH, CHECKS_WIDTH = 30, 11, 18, 20
"""The widths in characters of the columns of a line. Longer text stays whole."""


class _Progress(logging.Handler):
    """Prints a line for each table.

    Args:
        console: Prints to standard error.
        spins: Whether to show which step runs, where the console is a terminal. One process at a time can.
    """

    def __init__(self, console: Console, *, spins: bool) -> None:
        super().__init__()
        self._console = console
        self._status = console.status("Opening the lakehouse")
        self._ended: dict[str, TableResult] = {}
        if spins and console.is_terminal:
            self._status.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Takes one event of the run, or a message that is none."""
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is not None:
            self._take(event)

    def _take(self, event: Any) -> None:
        kinds = dagster.DagsterEventType
        match event.event_type:
            case kinds.STEP_START:
                self._status.update(f"Computing {event.step_key}")
            case kinds.ASSET_MATERIALIZATION:
                materialization = event.step_materialization_data.materialization
                self._of(materialization.asset_key).publish(materialization)
            case kinds.ASSET_CHECK_EVALUATION:
                check = event.asset_check_evaluation_data
                self._of(check.asset_key).take(check)
            case kinds.STEP_SUCCESS:
                self._print_ended()
            case kinds.STEP_FAILURE:
                self._print_ended()
                self._print_failure(event.step_key)
            case kinds.RUN_SUCCESS | kinds.RUN_FAILURE | kinds.RUN_CANCELED:
                self._status.stop()

    def _of(self, key: dagster.AssetKey) -> TableResult:
        name = key.to_user_string()
        return self._ended.setdefault(name, TableResult(name))

    def _print_ended(self) -> None:
        for result in self._ended.values():
            self._print(result)
        self._ended.clear()

    def _print(self, result: TableResult) -> None:
        rows = f"{result.rows} rows" if result.state == "published" and result.rows else result.rows
        seconds = f"{float(result.seconds):.1f} s" if result.seconds else ""
        checked = result.checked
        checked.pad_right(max(CHECKS_WIDTH - len(checked), 0))
        beginning = f"{result.name:<{NAME_WIDTH}} {rows:>{ROWS_WIDTH}}  {result.change:<{CHANGE_WIDTH}} "
        self._console.print(Text.assemble(beginning, checked, f" {seconds}"), soft_wrap=True)

    def _print_failure(self, step: str) -> None:
        self._console.print(Text(f"{step:<{NAME_WIDTH}} {'failed':>{ROWS_WIDTH}}", "red"), soft_wrap=True)


@dagster.logger({"spins": dagster.Field(bool, description="Whether to show which step runs.")})
def progress(context: dagster.InitLoggerContext) -> logging.Logger:
    """Prints the progress of a run to standard error."""
    logger = logging.Logger(PROGRESS, logging.DEBUG)
    logger.addHandler(_Progress(stderr_console(), spins=context.logger_config["spins"]))
    return logger
