"""Binary arrays against psycopg's own encoding and PostgreSQL's rules for what does not fit."""

import struct
from datetime import UTC, datetime
from uuid import UUID

import pytest
from psycopg.adapt import PyFormat, Transformer

from storage.arrays import BinaryArray, BinaryArrayDumper, encode, micros

AT = datetime(2026, 10, 25, 1, 30, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sql_type", "values", "same"),
    [
        ("bigint", [2**40, None, -3], [2**40, None, -3]),
        ("double precision", [1.5, None, -2.25], [1.5, None, -2.25]),
        ("boolean", [True, None, False], [True, None, False]),
        ("text", ["Bäume", None, ""], ["Bäume", None, ""]),
        ("bytea", [b"\x00\xff", None, b""], [b"\x00\xff", None, b""]),
        ("timestamptz", [micros(AT), None, AT], [AT, None, AT]),
    ],
)
def test_encoding_equals_psycopgs(sql_type: str, values: list[object], same: list[object]) -> None:
    dumper = Transformer().get_dumper(same, PyFormat.BINARY)
    encoded = encode(sql_type, values)
    assert encoded.oid == dumper.oid
    assert encoded.data == bytes(dumper.dump(same) or b"")


@pytest.mark.parametrize(
    ("sql_type", "values"),
    [
        ("smallint", [1, 2, 3]),
        ("integer", [1, 2, 3]),
        ("bigint", [5, 6, 7]),
        ("real", [1.0, 2.0, 3.5]),
        ("double precision", [1.0, 2.0, 3.5]),
        ("timestamptz", [AT, AT.replace(hour=2)]),
    ],
)
def test_the_vectorised_way_equals_the_general_one(sql_type: str, values: list[object]) -> None:
    """With a NULL the general way is taken; its elements before the NULL must be the same bytes."""
    fast = encode(sql_type, values).data[20:]
    slow = encode(sql_type, [*values, None]).data[20:-4]
    assert fast == slow


def test_a_constant_column_is_encoded_once_and_repeated() -> None:
    assert encode("text", ["decoded"] * 3).data[20:] == (struct.pack(">i", 7) + b"decoded") * 3
    assert encode("smallint", [None] * 2).data[20:] == struct.pack(">ii", -1, -1)


def test_an_empty_column_is_an_empty_array() -> None:
    assert encode("integer", []).data == struct.pack(">iiI", 0, 0, 23)


def test_uuids_are_their_sixteen_bytes() -> None:
    value = UUID("3ac7e3c4-4401-4b8d-9386-a5c902f9202d")
    assert encode("uuid", [value.bytes]).data.endswith(value.bytes)


@pytest.mark.parametrize(
    ("sql_type", "value"),
    [("smallint", 40_000), ("integer", 2**31), ("bigint", 2**63), ("text", "a\0b"), ("text", "\ud800")],
)
@pytest.mark.parametrize("others", [[], [1], [None]])
def test_a_value_that_does_not_fit_is_an_error_before_anything_is_sent(
    sql_type: str, value: object, others: list[object]
) -> None:
    with pytest.raises((OverflowError, UnicodeEncodeError, struct.error)):
        encode(sql_type, [value, *(["x"] if sql_type == "text" and others == [1] else others)])


def test_each_array_type_has_a_dumper_of_its_own() -> None:
    array = encode("bigint", [1])
    dumper = BinaryArrayDumper(BinaryArray)
    assert dumper.upgrade(array, PyFormat.BINARY).oid == 1016
    other = encode("text", ["a"])
    assert dumper.get_key(array, PyFormat.BINARY) != dumper.get_key(other, PyFormat.BINARY)
