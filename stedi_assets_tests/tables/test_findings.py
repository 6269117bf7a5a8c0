"""The findings of a run that computes its checks from parts are those of the whole tables."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from stedi_assets.defs.checks.check import none_found
from stedi_assets.lakehouse.build import Builder
from stedi_assets.lakehouse.check import CheckResult
from stedi_assets.lakehouse.land import land
from stedi_assets.lakehouse.stored import Built
from stedi_assets.query import Query
from stedi_assets_tests.support.changing import Changing, findings
from stedi_assets_tests.support.days import CUSTOMERS, DAY, PHONES, deliver_day, phones
from stedi_assets_tests.support.engines import RecordingEngine
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.raw_files import reading_record
from stedi_assets_tests.support.records import customer, phone_reading
from stedi_assets_tests.support.shore import Shore

CURATED = "machine_learning_curated"

WARNINGS = {
    "has_no_mixed_customers": "pairs_of_different_customers",
    "has_no_unconsented_row": "rows_before_consent",
    "has_no_serial_number": "rows_that_name_a_customer",
}
"""From a warning of machine_learning_curated to its finding."""

ANOTHER_WAY = "has_recomputed_rows"


def result(built: Mapping[str, Built], table: str, check: str) -> CheckResult:
    (found,) = [each for each in built[table].results if each.check.name == check]
    return found


def warned(built: Mapping[str, Built]) -> list[int]:
    """The findings of `WARNINGS`."""
    return [int(result(built, CURATED, check).findings[finding]) for check, finding in WARNINGS.items()]


def scopes(built: Mapping[str, Built], *checks: str) -> set[str]:
    return {result(built, CURATED, check).scope for check in checks}


def state_files(changing: Changing) -> Iterator[Path]:
    return (changing.folder / "lakehouse").rglob("_stedi_state.json")


def test_findings_above_0_add_up_over_the_days(changing: Changing) -> None:
    # On each day, two devices meet two phones at eight instants. Bob consents from the second day on, and Ada a
    # millisecond after her first reading.
    assert warned(changing.run()) == [48, 18, 96]
    deliver_day(changing, 3)
    built = changing.run()
    assert warned(built) == [64, 18, 128]
    assert scopes(built, *WARNINGS) == {"part"}
    assert findings(built) == changing.whole_findings()


def test_findings_above_0_go_down_with_the_rows(changing: Changing) -> None:
    changing.put(PHONES, "0.json", phones(0, names=["ada", "cyd"]))
    built = changing.run()
    assert warned(built) == [40, 2, 80]
    assert scopes(built, *WARNINGS) == {"part"}
    assert findings(built) == changing.whole_findings()


def test_findings_of_0_stay_0_by_way_of_the_part(changing: Changing) -> None:
    deliver_day(changing, 3)
    built = changing.run()
    assert scopes(built, ANOTHER_WAY) == {"part"}
    assert findings(built) == changing.whole_findings()


def test_findings_are_kept_where_nothing_changed(changing: Changing) -> None:
    built = changing.run()
    assert scopes(built, *WARNINGS, ANOTHER_WAY) == {"kept"}
    assert findings(built) == changing.whole_findings()


def test_a_consent_of_another_date_changes_the_findings_of_a_table_that_has_nothing_to_do(changing: Changing) -> None:
    changing.put(CUSTOMERS, "1.json", [customer("ada", research=DAY, lastUpdateDate=1_000)])
    built = changing.run()
    assert built[CURATED].plan.kind == "nothing"
    assert warned(built) == [48, 32, 96]
    assert scopes(built, "has_no_unconsented_row") == {"part"}
    assert findings(built) == changing.whole_findings()


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "{}", "5", "null", '"text"', "\ufffd", '{"version": "1", "findings": 7}']
)
def test_a_damaged_state_costs_nothing_but_time(changing: Changing, damage: str) -> None:
    before = findings(changing.run())
    for file in state_files(changing):
        file.write_text(damage)
    built = changing.run(list(changing.queries))
    assert scopes(built, *WARNINGS, ANOTHER_WAY) == {"whole"}
    assert findings(built) == before
    assert {each.plan.kind for each in changing.run().values()} == {"nothing"}


def test_a_missing_state_costs_nothing_but_time(changing: Changing) -> None:
    before, rows = findings(changing.run()), changing.rows()
    for file in list(state_files(changing)):
        file.unlink()
    built = changing.run()
    assert findings(built) == before
    assert changing.rows() == rows
    assert built["accelerometer_trusted"].plan.kind == "nothing"
    assert {each.plan.kind for each in changing.run().values()} == {"nothing"}


def test_a_state_of_an_older_version_counts_as_missing(changing: Changing) -> None:
    changing.run()
    old = {file: file.read_text() for file in state_files(changing)}
    deliver_day(changing, 3)
    changing.run()
    for file, content in old.items():
        file.write_text(content)
    built = changing.run()
    assert scopes(built, *WARNINGS) == {"whole"}
    assert findings(built) == changing.whole_findings()


def test_the_checks_of_the_whole_tables_trust_no_state(changing: Changing) -> None:
    before = findings(changing.run())
    (file,) = [file for file in state_files(changing) if "machine_learning/curated" in str(file)]
    state = json.loads(file.read_text())
    state["findings"]["has_no_unconsented_row"]["findings"] = {"rows_before_consent": 7}
    file.write_text(json.dumps(state))
    assert warned(changing.run())[1] == 7
    assert changing.whole_findings() == before


def cyd_consents(changing: Changing) -> None:
    changing.put(CUSTOMERS, "1.json", [customer("cyd", research=1, lastUpdateDate=1_000)])


def one_reading_of_a_broken_group_goes(changing: Changing) -> None:
    changing.put(PHONES, "1.json", [*phones(1, names=["ada", "bob"]), *phones(1, names=["cyd"], moments=range(1, 8))])


def one_reading_comes_to_a_broken_group(changing: Changing) -> None:
    changing.put(PHONES, "3.json", [phone_reading("cyd", 3 * DAY)])


@pytest.mark.parametrize("change", [one_reading_of_a_broken_group_goes, one_reading_comes_to_a_broken_group])
def test_a_rule_that_a_customer_breaks_stays_broken_when_readings_of_some_instants_change(
    changing: Changing, change: Callable[[Changing], None]
) -> None:
    cyd_consents(changing)
    # The table of consenting customers is not built again, so that Cyd's readings are missing.
    tables = ["customer_landing", "accelerometer_landing", "accelerometer_trusted"]
    assert changing.run(tables)["accelerometer_trusted"].is_rejected
    change(changing)
    built = changing.run(tables)
    assert built["accelerometer_trusted"].plan.kind == "part"
    assert result(built, "accelerometer_trusted", ANOTHER_WAY).findings == {
        "groups_with_too_many_rows": 0,
        "groups_with_too_few_rows": 1,
    }
    assert built["accelerometer_trusted"].is_rejected


def test_a_refusal_under_another_serial_number_is_found_at_all_of_the_customers_instants(changing: Changing) -> None:
    changing.put(CUSTOMERS, "1.json", [customer("ada", lastUpdateDate=1_000, serialNumber="serial-other")])
    # The tables of consenting customers are not built again, so that Ada's readings are still there.
    built = changing.run(["customer_landing", "step_trainer_trusted"])
    assert result(built, "step_trainer_trusted", ANOTHER_WAY).findings["groups_with_too_many_rows"] == 1
    assert built["step_trainer_trusted"].is_rejected


def test_a_statement_that_a_blocking_check_and_a_warning_share_is_computed_once_for_each_version(
    local_place: Place,
) -> None:
    shared = "SELECT count(*) - 1 AS found FROM accelerometer_landing"
    rule = "Has one row. Remove the others."
    checks = [none_found(name, rule, shared, blocking=blocks) for name, blocks in (("blocks", True), ("warns", False))]
    found = []
    with duckdb.connect() as connection:
        engine = RecordingEngine(connection)
        shore = Shore(local_place, engine)
        for number in (1, 2):
            shore.put("a.json", number * (reading_record(1) + b"\n"))
            query = Query(f"SELECT * FROM {shore.source.name}")
            tables = {shore.source.landing: checks}
            landed = land(Builder(shore.lakehouse), shore.source, query, tables, "a run", full_refresh=False)
            found.append([result.findings["found"] for result in landed.landing.results])
            assert engine.computed.count(shared) == number
    # The second version is rejected, and no warning is computed of it.
    assert found == [[0, 0], [1]]
