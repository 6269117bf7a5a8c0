"""A run by parts that is killed at any step leaves published versions, and the next run completes it."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from stedi_assets.contract import TABLES
from stedi_assets.defs.assets import QUERIES
from stedi_assets.storage.location import Location
from stedi_assets.storage.vacuum import vacuum
from stedi_assets_tests.support.changing import Changing, findings
from stedi_assets_tests.support.crashing import Runner, runner
from stedi_assets_tests.support.days import CUSTOMERS, DAY, PHONES, deliver_day, phones, three_days
from stedi_assets_tests.support.engines import duckdb_engine
from stedi_assets_tests.support.records import customer, phone_reading
from stedi_assets_tests.support.rejecting import rejection


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Changing:
    """Tables that await a new day, a late reading, a changed file, a withdrawal and a consent."""
    changing = three_days(tmp_path_factory.mktemp("days"), duckdb_engine)
    deliver_day(changing, 3)
    changing.put(PHONES, "late.json", [phone_reading("ada", DAY + 3, x=9.0)], damage='{"user": ')
    changing.put(PHONES, "2.json", phones(2, moments=range(4)))
    changing.put(CUSTOMERS, "1.json", [customer("bob", lastUpdateDate=1_000)])
    changing.put(CUSTOMERS, "2.json", [customer("cyd", research=DAY, lastUpdateDate=1_000)])
    return changing


@pytest.fixture(scope="module")
def runs() -> Iterator[Runner]:
    with runner() as runs:
        yield runs


@pytest.mark.parametrize("broken", ["", "step_trainer_trusted"], ids=["published", "rejected"])
def test_a_run_that_is_killed_at_any_step_leaves_published_versions_and_the_next_run_completes_it(
    delivered: Changing, runs: Runner, tmp_path: Path, broken: str
) -> None:
    before = delivered.rows()
    whole = delivered.copied(tmp_path / "whole")
    steps = runs.complete(whole, broken)
    assert steps > 60
    interrupted = whole.rows()
    whole.run()
    after, checks = whole.fresh()
    assert whole.rows() == after
    # The run that is published walks the steps before the broken table.
    as_published = list(QUERIES)[: list(QUERIES).index(broken)] if broken else []
    first = 1 + (runs.complete(delivered.copied(tmp_path / "before"), tables=as_published) if broken else 0)
    for step in range(first, steps + 1):
        changing = delivered.copied(tmp_path / str(step))
        runs.kill_at(changing, step, broken)
        found = changing.rows()
        assert [name for name in TABLES if found[name] not in (before[name], interrupted[name])] == [], step
        built = changing.run()
        assert changing.rows() == after, step
        assert findings(built) == checks, step
        assert {each.plan.kind for each in changing.run().values()} == {"nothing"}, step
        for name in TABLES:
            vacuum(Location(str(changing.table_folder(name))), timedelta(0))
            assert not changing.unneeded_files(name), step
            assert rejection(changing, name) is None, step
        shutil.rmtree(changing.folder)
