"""Whose a record or a text is: a whole decoded value of a naming column decides, elsewhere an address by itself."""

import json

import pytest

from stedi_assets.contract import DEVICE, SOURCES, Identifier
from stedi_assets.erasure.person import Mention, Person

PHONES = SOURCES["accelerometer_files"].columns
DEVICES = SOURCES["step_trainer_files"].columns

ADA = Person("ada@example.com", {DEVICE: ["3f6c9a21-serial"]}, {DEVICE: ["shared-serial"]})

STRANGERS = (
    *("x/ada@example.com", "éada@example.com", "x!ada@example.com", "o'ada@example.com", "bada@example.com"),
    *("ada@example.com.au", "ada@example.community", "ada@example.com@foo", "ada@example.co", " ada@example.com"),
    *("", "user", "email", "ada", "example.com", '"ada@example.com"', "ada@example.com\\"),
)


def record(user: object, **others: object) -> str:
    return json.dumps({"user": user, "timestamp": 1, "x": 1.5, "y": 5, "z": 0.5, **others})


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_record_whose_user_is_another_text_is_somebody_elses(stranger: str) -> None:
    assert ADA.mention_in_record(record(stranger), PHONES) is not Mention.CERTAIN


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_strangers_record_stays_when_a_customer_with_a_part_of_the_address_is_erased(stranger: str) -> None:
    assert Person(f"{stranger}x@example.com").mention_in_record(record("ada@example.com"), PHONES) is Mention.NONE


@pytest.mark.parametrize(
    "email",
    [
        "ada@example.com",
        "ADA@Example.COM",
        "İda@example.com",
        "ÄDA@example.com",
        "straße@example.com",
        '"a da"@example.com',
        '"a\\"da"@example.com',
        "a\\b@example.com",
        "o'brien@example.com",
        "𝒶da@example.com",
        "a+b/c=d@example.com",
    ],
)
def test_a_record_is_found_however_its_email_is_spelt_and_escaped(email: str) -> None:
    person = Person(email)
    escaped = "".join(f"\\u{unit:04x}" for unit in memoryview(email.encode("utf-16-le")).cast("H"))
    for text in (
        record(email),
        json.dumps({"user": email, "timestamp": 1}, ensure_ascii=False),
        record(email.lower()),
        f'{{"USER": "{escaped}", "timestamp": 1}}',
        record(email)[:-9],
    ):
        found = person.mention_in_record(text, PHONES) if text.endswith("}") else person.mention_in(text)
        assert found is Mention.CERTAIN, text


def test_a_key_or_another_value_does_not_make_a_row_the_customers_but_is_to_be_looked_at() -> None:
    assert ADA.mention_in_record(record("eve@example.com", note="ask ada@example.com"), PHONES) is Mention.DOUBTFUL
    assert ADA.mention_in_record(record("eve@example.com", **{"ada@example.com": 1}), PHONES) is Mention.DOUBTFUL
    assert Person("user@example.com").mention_in_record(record("eve@example.com"), PHONES) is Mention.NONE


def test_a_record_that_is_no_row_is_the_customers_where_it_names_them() -> None:
    for broken in (
        '{"user": {"email": "ada@example.com"}, "timestamp": 1}',
        '{"user": "ada@example.com"}',
        '{"user": "ada@example.com", "user": "eve@example.com", "timestamp": 1}',
        '{"owner": "ada@example.com", "timestamp": 1}',
    ):
        assert ADA.mention_in_record(broken, PHONES) is Mention.CERTAIN, broken


@pytest.mark.parametrize("text", ["ada@example.com", "3f6c9a21-serial"])
def test_an_email_is_no_serial_number_and_a_serial_number_no_email(text: str) -> None:
    person = Person("ada@example.com", {DEVICE: ["3f6c9a21-serial"]})
    assert (person.mention_in_record(record(text), PHONES) is Mention.CERTAIN) is ("@" in text)
    assert (person.mention_in_record(_device(json.dumps(text)), DEVICES) is Mention.CERTAIN) is ("@" not in text)


def test_letters_that_fold_to_others_are_other_letters() -> None:
    assert Person("strasse@example.com").mention_in_record(record("straße@example.com"), PHONES) is Mention.NONE


def test_somebody_elses_record_that_is_no_row_is_only_to_be_looked_at() -> None:
    referred = '{"user": "eve@example.com", "timestamp": "late", "note": "ada@example.com"}'
    assert ADA.mention_in_record(referred, PHONES) is Mention.DOUBTFUL


@pytest.mark.parametrize("comma", ["", ","])
def test_a_comma_behind_the_last_value_changes_nothing(comma: str) -> None:
    assert ADA.mention_in_record(f'{{"user": "q\\z", "timestamp": 1{comma}}}', PHONES) is Mention.NONE
    assert ADA.mention_in_record(f'{{"user": "ada@example.com", "timestamp": 1{comma}}}', PHONES) is Mention.CERTAIN


def test_a_record_in_another_sources_folder_is_the_customers_by_that_sources_key() -> None:
    person = Person("ada@example.com", {DEVICE: ["y"]})
    assert person.mention_in_record(_device('"y"'), PHONES) is Mention.CERTAIN
    nested = '{"serialNumber": ["y"], "sensorReadingTime": 1, "user": null}'
    assert person.mention_in_record(nested, DEVICES) is Mention.DOUBTFUL


@pytest.mark.parametrize("number", ["5", "", " ", "-0", "1.0", "1e5", 'a"b', "ä\\"])
def test_a_serial_number_is_compared_whole_as_a_text_or_as_a_number(number: str) -> None:
    person = Person("ada@example.com", {DEVICE: [number]})
    assert person.mention_in_record(_device(json.dumps(number)), DEVICES) is Mention.CERTAIN
    assert person.mention_in_record(_device(json.dumps(f"{number}5")), DEVICES) is Mention.NONE
    assert person.mention_in_record(_device('"55"'), DEVICES) is Mention.NONE
    if number in ("5", "-0", "1.0", "1e5"):
        assert person.mention_in_record(_device(number), DEVICES) is Mention.CERTAIN


def test_an_identifier_of_one_kind_is_none_of_another_kind() -> None:
    person = Person("ada@example.com", {DEVICE: ["y"], Identifier("card number"): ["card-4711"]})
    assert person.mention_in_record(_device('"y"'), DEVICES) is Mention.CERTAIN
    assert person.mention_in_record(_device('"card-4711"'), DEVICES) is not Mention.CERTAIN
    assert person.mention_in("the card-4711 broke") is Mention.CERTAIN


def test_devices_are_told_apart_by_case() -> None:
    assert Person("ada@example.com", {DEVICE: ["ABC"]}).mention_in_record(_device('"abc"'), DEVICES) is Mention.NONE


def _device(serial_number: str) -> str:
    return f'{{"sensorReadingTime": 5, "serialNumber": {serial_number}, "distanceFromObject": 5}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.com;100", Mention.CERTAIN),
        ("<ada@example.com>, 100", Mention.CERTAIN),
        ('{"user": "ada@example.com", "timest', Mention.CERTAIN),
        ('{"user": "\\u0061da@example.com", "timest', Mention.CERTAIN),
        ("reading of 3f6c9a21-serial broke off", Mention.CERTAIN),
        ("user=ada@example.com", Mention.DOUBTFUL),
        ("x/ada@example.com", Mention.DOUBTFUL),
        ('{"user": "ada@exam', Mention.DOUBTFUL),
        ('{"serialNumber": "shared-serial", "sens', Mention.DOUBTFUL),
        ('{"user": "eve@example.com", "timest', Mention.NONE),
        ("5", Mention.NONE),
        ("", Mention.NONE),
    ],
)
def test_text_that_is_no_record_is_searched_for_an_address_by_itself(text: str, expected: Mention) -> None:
    assert ADA.mention_in(text) is expected


@pytest.mark.parametrize("number", ["5", "12345", "serial", "distance"])
def test_a_serial_number_that_may_be_there_by_chance_is_never_certain_in_text_that_is_no_record(number: str) -> None:
    person = Person("ada@example.com", {DEVICE: [number]})
    assert person.mention_in(f'{{"serialNumber": "{number}", "sens') is Mention.DOUBTFUL
    assert person.mention_in(f"{number} of 15") is Mention.NONE
