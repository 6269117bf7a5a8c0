"""JSON values as nobody should write them, for what must read them alike."""

import json
from collections.abc import Mapping

from hypothesis import HealthCheck
from hypothesis import strategies as st

UNTIMED = (HealthCheck.too_slow,)
"""A busy machine is no failure."""

SIGNS = st.sampled_from(["", "-"])
INTEGERS = st.sampled_from(
    ["0", "1", "7", "20", "123456789012345678", "1234567890123456789", "1" * 30, "9" * 400]
    + [str(edge + step) for edge in (2**52, 2**53, 2**63, 2**64) for step in (-1, 0, 1)]
) | st.integers(0, 2**64).map(str)
FRACTIONS = st.just("") | st.sampled_from(
    [".0", ".5", ".50", ".4", ".25", ".0000000000000001", ".99999999999999999999", "." + "0" * 400 + "1"]
)
SMALL_EXPONENTS = st.sampled_from(["e0", "E0", "E+1", "e-1", "e5", "E15", "e-16", "e22", "e" + "0" * 20 + "1"])
LARGE_EXPONENTS = st.sampled_from(["e308", "e309", "e-324", "e-400", "e400", "e" + "9" * 20, "e-" + "9" * 20])
EXPONENTS = st.just("") | SMALL_EXPONENTS | LARGE_EXPONENTS
NUMBERS = st.builds("{}{}{}{}".format, SIGNS, INTEGERS, FRACTIONS, EXPONENTS)
SPELLINGS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", " ", "\n", "\t\v\f\r", "\xa0", "\u3000", "\0", "+", "-", "--", "0", "0x", "$"]),
    NUMBERS | st.sampled_from([".5", "5.", "-.5", ".", "", "e5", "1e", "nan", "-NaN", "inf", "Infinity", "\uff11"]),
    st.sampled_from(["", "", " ", "\n", "\0", "_000", ",5", "%", "f", "L", "."]),
    st.sampled_from(["", "", "\ud800", "\ud83d\ude00"]),
)
WORDS = st.sampled_from(["true", "FALSE", "null", "NULL", "[]", "[1]", "{}", '{"a":1}', "2024-01-01", "20240101", "0"])
STRINGS = (SPELLINGS | WORDS | st.text(max_size=5)).map(json.dumps)
OTHERS = st.sampled_from(
    [
        "null",
        "true",
        "false",
        "NaN",
        "Infinity",
        "-Infinity",
        "[]",
        "[1]",
        "[1,]",
        "{}",
        '{"a":1}',
        '"\\u0031"',
        '"\\/"',
    ]
)
VALUES = NUMBERS | STRINGS | OTHERS


def record_of(values: Mapping[str, str], space: str = "", end: str = "") -> bytes:
    """A record on a line, from its keys and their values as JSON."""
    members = f"{space},{space}".join(f'"{key}"{space}:{space}{value}' for key, value in values.items())
    return f"{{{members}{end}}}".encode()


BOOLEANS = st.sampled_from(
    ["true", "false", '"true"', '"False"', '"TRUE"', '"tru\\u0065"', '" true"', '"yes"', '"t"', "1", "0"]
)

SHORT_NUMBERS = st.builds(
    "{}{}{}{}".format,
    SIGNS,
    st.integers(0, 12345).map(str) | st.sampled_from(["16777215", "16777216", "16777217", "2147483647", "2147483648"]),
    st.sampled_from(["", ".0", ".5", ".25", ".250", ".125", ".1", ".10000000000000001", ".1000000000000000055"]),
    st.sampled_from(["", "", "", "e0", "e1", "E-1", "e2", "e-7", "e38", "e-400", "e-46", "e400"]),
)
"""Numbers at the edges of INTEGER, FLOAT and short decimals."""

DATES = st.builds(
    "{}-{}-{}".format,
    st.sampled_from(["2024", "2023", "0000", "0001", "9999", "1900", "1582", "24", "+2024", "12024", "\uff12024"]),
    st.sampled_from(["01", "02", "12", "10", "00", "13", "2"]),
    st.sampled_from(["01", "05", "15", "28", "29", "30", "31", "00", "32", "5"]),
)
TIMES = st.builds(
    "{}:{}:{}{}".format,
    st.sampled_from(["00", "10", "23", "24", "9"]),
    st.sampled_from(["00", "59", "60"]),
    st.sampled_from(["00", "59", "60"]),
    st.sampled_from(["", ".5", ".123456", ".000001", ".", ".1234567", ",5"]),
)
TIMESTAMPS = st.builds(
    "{}{}{}{}".format,
    DATES,
    st.sampled_from(["T", "T", " ", "t", "  ", ""]),
    TIMES,
    st.sampled_from(
        ["Z", "Z", "+00:00", "+02:00", "-23:59", "+14:00", "-00:00", "", "z", "+0200", "+02", " Z", "+24:00", " UTC"]
    ),
)
MOMENTS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "", " ", "\n"]),
    DATES | TIMESTAMPS,
    st.sampled_from(["", "", "", " ", "\0"]),
).map(json.dumps)
"""Texts that name days and instants, or look as if."""

VALUES_OF_ALL_TYPES = BOOLEANS | SHORT_NUMBERS | SHORT_NUMBERS.map(json.dumps) | MOMENTS | VALUES
