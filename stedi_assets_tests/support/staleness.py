"""What Dagster's records say of assets: which are stale and why, and at which version each is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.definitions.observe import observe
from dagster._core.loader import LoadingContextForTest

from stedi_assets.contract import SOURCES, TABLES
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.projects import Project
from stedi_assets_tests.support.runs import QUIET


@dataclass
class Recorded:
    """A project whose runs one Dagster instance records."""

    project: Project
    instance: dagster.DagsterInstance

    def run(self, job: str = "lakehouse", **choices: Any) -> dagster.ExecuteInProcessResult:
        definitions = self.project.definitions(pseudonym_key=KEY.hex(), **choices)
        resolved = definitions.resolve_job_def(job)
        return resolved.execute_in_process(QUIET, self.instance, raise_on_error=False)

    def observe(self) -> None:
        """Observes the landing folders, as a schedule or a person does."""
        definitions = self.project.definitions()
        graph = definitions.resolve_asset_graph()
        sources = [graph.get(dagster.AssetKey(name)).assets_def for name in SOURCES]
        assert observe(sources, QUIET, instance=self.instance).success

    def stale(self, **choices: Any) -> dict[str, list[str]]:
        """The assets of the tables that are not fresh, with the causes."""
        graph = self.project.definitions(pseudonym_key=KEY.hex(), **choices).resolve_asset_graph()
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        return {
            key.to_user_string(): [
                f"{cause.asset_key.to_user_string()}: {cause.reason}" for cause in resolver.get_stale_causes(key)
            ]
            for key in graph.materializable_asset_keys
            if key.to_user_string() in TABLES and resolver.get_status(key).value != "FRESH"
        }

    def materialization(self, table: str) -> dagster.EventLogEntry:
        event = self.instance.get_latest_materialization_event(dagster.AssetKey(table))
        assert event
        return event


@contextmanager
def recorded(project: Project) -> Iterator[Recorded]:
    with dagster.DagsterInstance.ephemeral() as instance:
        yield Recorded(project, instance)
