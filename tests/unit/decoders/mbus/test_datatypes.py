"""The standard's data types, with what each of them calls invalid."""

from datetime import UTC, date, datetime
from struct import pack

import pytest

from decoders.mbus import datatypes


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("78563412", 12345678),
        ("00000000", 0),
        ("0100f0", -1),
        ("999999f0", -999999),
        ("f5", -5),
        ("3a41", None),
        ("000a", None),
        ("ff", None),
        ("", None),
    ],
)
def test_bcd_has_its_low_byte_first_and_f_as_minus(data: str, value: int | None) -> None:
    assert datatypes.bcd(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [("ff", -1), ("7f", 127), ("80", None), ("0080", None), ("0180", -32767), ("ffffff7f", 2**31 - 1), ("", None)],
)
def test_signed_calls_the_most_negative_value_not_available(data: str, value: int | None) -> None:
    assert datatypes.signed(bytes.fromhex(data)) == value


def test_unsigned_has_no_sign() -> None:
    assert datatypes.unsigned(b"\xff\xff") == 0xFFFF


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_real_is_finite(number: float) -> None:
    assert datatypes.real(pack("<f", 1.5)) == 1.5
    assert datatypes.real(pack("<d", -2.25)) == -2.25
    assert datatypes.real(pack("<f", number)) is None
    assert datatypes.real(b"\x00\x00") is None


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("00131837", datetime(2024, 7, 24, 19, 0, tzinfo=UTC)),
        ("022c303a", datetime(2025, 10, 16, 12, 2, tzinfo=UTC)),
        ("100905c5", datetime(1996, 5, 5, 9, 16, tzinfo=UTC)),
        ("80131837", None),
        ("3f131837", None),
        ("001f1837", None),
        ("00130037", None),
        ("0013183f", None),
        ("1e0f2c1837 00", datetime(2024, 7, 24, 12, 15, 30, tzinfo=UTC)),
        ("1e8f2c1837 00", None),
        ("0013", None),
    ],
)
def test_point_in_time_is_type_f_or_i(data: str, value: datetime | None) -> None:
    assert datatypes.point_in_time(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [("ff0c", date(2007, 12, 31)), ("bf1c", date(2013, 12, 31)), ("ffff", None), ("e0f1", None), ("00000000", None)],
)
def test_day_is_type_g(data: str, value: date | None) -> None:
    assert datatypes.day(bytes.fromhex(data)) == value
