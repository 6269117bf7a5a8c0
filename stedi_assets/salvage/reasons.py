"""Why a record is not a row: every reason's code and its sentence, as data."""

from typing import Literal

ReasonCode = Literal[
    "not_json",
    "not_an_object",
    "malformed_record",
    "truncated_record",
    "nested_too_deeply",
    "record_too_long",
    "invalid_utf8",
    "missing_required",
    "duplicate_key",
    "boolean_value",
    "nested_value",
    "not_finite",
    "not_a_number",
    "not_a_whole_number",
    "out_of_range",
    "not_exactly_representable",
    "too_many_fraction_digits",
    "not_a_boolean",
    "not_a_date",
    "not_a_timestamp",
    "lone_surrogate",
    "damaged_compression",
    "erased_customer",
]

SENTENCES: dict[ReasonCode, str] = {
    "not_json": "The text is not JSON, and no record begins in it.",
    "not_an_object": "The value is JSON but not an object, so it is not a record.",
    "malformed_record": "The record begins as a JSON object but breaks the rules of JSON before its end.",
    "truncated_record": "The record breaks off before its closing brace.",
    "nested_too_deeply": "The record nests objects or arrays more deeply than the reader accepts.",
    "record_too_long": "The record is longer than the reader accepts.",
    "invalid_utf8": "The record holds bytes that are not valid UTF-8.",
    "missing_required": "The required column {column} is absent or null.",
    "duplicate_key": "The key of column {column} occurs more than once, with different values.",
    "boolean_value": "Column {column} holds true or false, which its type does not take.",
    "nested_value": "Column {column} holds an object or an array, which no column type takes.",
    "not_finite": "Column {column} holds NaN or an infinity.",
    "not_a_number": "Column {column} holds text that is not a JSON number.",
    "not_a_whole_number": "Column {column} holds a number that is not whole.",
    "out_of_range": "Column {column} holds a number outside the range of its type.",
    "not_exactly_representable": "Column {column} holds an integer that its type does not represent exactly.",
    "too_many_fraction_digits": "Column {column} holds a number with more digits after the point than its type has.",
    "not_a_boolean": "Column {column} holds neither true nor false.",
    "not_a_date": "Column {column} holds no date such as 2024-03-05.",
    "not_a_timestamp": "Column {column} holds no instant such as 2024-03-05T10:15:00Z or 2024-03-05T11:15:00+01:00.",
    "lone_surrogate": "Column {column} holds half of a surrogate pair, which UTF-8 cannot store.",
    "erased_customer": "Column {column} identifies an erased customer; the text is not kept.",
    "damaged_compression": "The compressed data ends early or is corrupt from here on.",
}


def sentence(code: ReasonCode, column: str | None = None) -> str:
    """Returns the sentence of a reason, which holds no value of the record.

    Args:
        code: The reason.
        column: The name of the column that the reason concerns, if it concerns one.
    """
    return SENTENCES[code].format(column=column)
