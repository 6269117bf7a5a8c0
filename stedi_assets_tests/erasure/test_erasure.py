"""An erased customer is gone from every file, table and old version, and everybody else stays."""

import pytest

from stedi_assets.contract import TABLES
from stedi_assets.engines.engine import Engine
from stedi_assets.erasure.plan import count_rows, customer_hash, find_email, plan_erasure
from stedi_assets.errors import StediError
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets_tests.support.engines import KEY
from stedi_assets_tests.support.erasing import EMAIL, SERIAL_NUMBER, Erased, all_bytes, erased, naming, opened
from stedi_assets_tests.support.grid import on_both_engines_and_in_both_places, on_duckdb
from stedi_assets_tests.support.projects import Build, Project
from stedi_assets_tests.support.records import customer, device_reading, phone_reading

pytestmark = on_both_engines_and_in_both_places


def test_no_file_names_the_customer_afterwards(erasure: Erased) -> None:
    assert naming(erasure.before)
    assert not naming(erasure.after)
    assert erasure.certificate.is_complete


def test_everybody_elses_rows_stay_as_they_were(erasure: Erased) -> None:
    for table in (name for name in TABLES if not name.endswith("quarantine") and "machine" not in name):
        before = erasure.before.rows(table)
        others = {row: count for row, count in before.items() if EMAIL not in row and SERIAL_NUMBER not in row}
        assert len(others) < len(before)
        assert erasure.after.rows(table) == others


def test_the_certificate_says_what_was_removed_where(erasure: Erased) -> None:
    certificate, landing = erasure.certificate, erasure.after.landing
    assert certificate.records_by_file == {
        f"{landing}/step_trainer/landing/step_trainer-1.json": 2,
        f"{landing}/accelerometer/landing/accelerometer-1.json": 3,
        f"{landing}/customer/landing/customer-1.json": 1,
    }
    assert certificate.rows_by_table["accelerometer_landing"] == 3
    assert certificate.rows_by_table["customer_curated"] == 1
    assert certificate.files_deleted > 0
    assert certificate.requested_by == "the data protection officer"
    assert EMAIL not in repr(certificate)


def test_files_that_do_not_name_the_customer_are_not_rewritten(built_project: Project, lakehouse: Lakehouse) -> None:
    other = built_project.landing / "accelerometer/landing/accelerometer-2.json.gz"
    before = other.read_bytes(), other.stat().st_mtime
    erased(lakehouse)
    assert (other.read_bytes(), other.stat().st_mtime) == before


def test_what_is_left_of_a_rewritten_file_is_as_it_was(erasure: Erased) -> None:
    before, after = (
        (project.landing / "accelerometer/landing/accelerometer-1.json").read_text().splitlines()
        for project in (erasure.before, erasure.after)
    )
    assert after == [line for line in before if EMAIL not in line]


def test_a_tombstone_holds_no_name(erasure: Erased) -> None:
    tombstones = list(all_bytes(erasure.after.lakehouse / "erasure"))
    assert len(tombstones) == 3
    assert not [path for path, content in tombstones if EMAIL in f"{path}{content!r}"]


HIDDEN = (
    '{"user": "\\u0061da@example.com", "timestamp": 100}\n',
    '{"user": "ADA@example.com", "timestamp": 100}\n',
    '[{"user": "ada@example.com", "timestamp": 1}, {"user": "eve@example.com", "timestamp": 1}]',
    '{"user": "ada@example.com", "timest',
    "ada@example.com;100\n",
)
"""Behind escapes, in other letters, in another shape, and in what is broken."""


def test_a_customer_is_found_behind_escapes_in_other_shapes_and_in_what_is_broken(
    built_project: Project, computing: Engine
) -> None:
    for number, text in enumerate(HIDDEN):
        for suffix in (".json", ".json.gz"):
            built_project.land_text("accelerometer", f"hidden-{number}{suffix}", text)
    built_project.materialize("accelerometer_landing", pseudonym_key=KEY.hex(), max_quarantined=1.0)
    certificate = erased(opened(built_project, computing))
    assert certificate.is_complete
    assert len([path for path in certificate.records_by_file if "/hidden-" in path]) == 2 * len(HIDDEN)
    assert not naming(built_project)


def test_a_customer_whose_email_ends_alike_stays(built_project: Project, computing: Engine) -> None:
    built_project.land("customer", "customer-2.json", [customer("bada", research=100)])
    built_project.land("accelerometer", "more.json", [phone_reading("bada", 100)])
    changed = ("customer_landing", "accelerometer_landing", "customer_trusted", "accelerometer_trusted")
    assert built_project.materialize(*changed).success
    assert erased(opened(built_project, computing)).is_complete
    assert [row for row in built_project.rows("accelerometer_trusted") if row[0] == "bada@example.com"]


def test_readings_of_a_serial_number_that_others_have_too_stay_and_are_told(
    built_project: Project, computing: Engine
) -> None:
    built_project.land("customer", "customer-2.json", [customer("fay", research=100, serialNumber=SERIAL_NUMBER)])
    assert built_project.materialize("customer_landing").success
    certificate = erased(opened(built_project, computing))
    assert certificate.shared_identifiers == 1
    assert [row for row in built_project.rows("step_trainer_landing") if SERIAL_NUMBER in row]


def test_a_later_delivery_of_the_customer_is_quarantined_without_its_text(erased_project: Project) -> None:
    erased_project.land("customer", "customer-9.json", [customer("ada", research=100), customer("gus", research=100)])
    erased_project.land("accelerometer", "late.json", [phone_reading("ada", 100)])
    erased_project.land("step_trainer", "late.json", [device_reading("ada", 100)])
    landing = ("customer_landing", "accelerometer_landing", "step_trainer_landing")
    assert erased_project.materialize(*landing, pseudonym_key=KEY.hex(), max_quarantined=1.0).success
    assert not [row for row in erased_project.rows("customer_landing") if EMAIL in row]
    assert [row for row in erased_project.rows("customer_landing") if "gus@example.com" in row]
    for subject in ("customer", "accelerometer", "step_trainer"):
        ((text, code),) = [(row[3], row[4]) for row in erased_project.rows(f"{subject}_quarantine")]
        assert (text, code) == ("", "erased_customer")


def test_without_the_key_of_the_erasure_new_files_are_not_read(erased_project: Project) -> None:
    erased_project.land("customer", "customer-9.json", [customer("ada", research=100)])
    for others in ({}, {"pseudonym_key": "11" * 32}):
        assert not erased_project.materialize("customer_landing", **others).success
    assert not [row for row in erased_project.rows("customer_landing") if EMAIL in row]


def test_an_erasure_needs_a_key(built: Build, computing: Engine) -> None:
    lakehouse = Lakehouse(built.project.location(), built.project.location(), computing)
    with pytest.raises(StediError, match="An erasure needs STEDI_PSEUDONYM_KEY"):
        plan_erasure(lakehouse, EMAIL)


def test_a_plan_counts_and_changes_nothing(built_project: Project, lakehouse: Lakehouse) -> None:
    before = dict(all_bytes(built_project.landing))
    plan = plan_erasure(lakehouse, EMAIL)
    assert sum(plan.records_by_file.values()) == 6
    assert count_rows(lakehouse, plan.customer.person)["accelerometer_trusted"] == 3
    assert dict(all_bytes(built_project.landing)) == before
    assert naming(built_project)


def test_a_customer_is_found_by_the_keyed_hash(lakehouse: Lakehouse) -> None:
    assert find_email(lakehouse, customer_hash(lakehouse, EMAIL)) == EMAIL
    with pytest.raises(StediError, match="No customer in customer_landing has this keyed hash"):
        find_email(lakehouse, "0" * 64)


def test_a_table_of_somebody_elses_that_names_the_customer_is_told(lakehouse: Lakehouse) -> None:
    lakehouse.store("my_customers", lakehouse.load("customer_landing", __import__("pandas").DataFrame), "a run")
    certificate = erased(lakehouse)
    assert not certificate.is_complete
    assert all("/assets/my_customers/" in path for path in certificate.still_named_in)


NO_ADDRESSES = (
    *("", " ", "email", "user", "serialNumber", "@", "ada@", "@example.com", " ada@example.com ", "ada@example.com\n"),
    *("ada@@example.com", "a da@example.com", '"ada@example.com', "example.com", "%@%\t"),
)


@on_duckdb
@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_refused_and_nothing_is_changed(
    built_project: Project, lakehouse: Lakehouse, text: str
) -> None:
    before = dict(all_bytes(built_project.landing))
    with pytest.raises(StediError, match="This is not an email address"):
        erased(lakehouse, text)
    assert dict(all_bytes(built_project.landing)) == before


@on_duckdb
@pytest.mark.parametrize("address", ["nobody@example.com", "example@com", "\\\\@example.com", '"a b"@example.com'])
def test_an_address_that_no_record_has_is_refused_and_nothing_is_changed(
    built_project: Project, lakehouse: Lakehouse, address: str
) -> None:
    before = dict(all_bytes(built_project.landing))
    with pytest.raises(StediError, match="No record and no tombstone has this address"):
        erased(lakehouse, address)
    assert dict(all_bytes(built_project.landing)) == before
    assert not (built_project.lakehouse / "erasure").exists()


@on_duckdb
def test_a_customer_of_whom_raw_files_alone_know_is_erased(built_project: Project, lakehouse: Lakehouse) -> None:
    built_project.land("accelerometer", "new.json", [phone_reading("zoe", 1)])
    certificate = erased(lakehouse, "zoe@example.com")
    assert certificate.is_complete
    assert sum(certificate.records_by_file.values()) == 1


@on_duckdb
def test_a_customer_who_was_erased_can_be_erased_again(erased_project: Project, computing: Engine) -> None:
    certificate = erased(opened(erased_project, computing))
    assert certificate.is_complete
    assert not certificate.records_by_file


@on_duckdb
@pytest.mark.parametrize("serial_number", ["", " ", "5", "100", "-1.0 ", "y"])
def test_a_serial_number_takes_along_the_readings_alone_that_carry_the_whole_of_it(
    built_project: Project, computing: Engine, serial_number: str
) -> None:
    built_project.land("customer", "customer-2.json", [customer("zoe", research=1, serialNumber=serial_number)])
    readings = [
        {**device_reading("zoe", 5), "serialNumber": number} for number in (serial_number, f"5{serial_number}", "100 ")
    ]
    built_project.land("step_trainer", "more.json", readings)
    before = {table: built_project.rows(table) for table in ("accelerometer_landing", "customer_landing")}
    assert built_project.materialize("customer_landing", "step_trainer_landing").success
    certificate = erased(opened(built_project, computing), "zoe@example.com")
    assert certificate.is_complete
    assert {path.rpartition("/")[2]: found for path, found in certificate.records_by_file.items()} == {
        "more.json": 1,
        "customer-2.json": 1,
    }
    assert {table: built_project.rows(table) for table in before} == before
