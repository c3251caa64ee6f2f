"""Inverse compact profiles: modes, spacings, invalid elements, months of different length."""

from datetime import UTC, datetime

import pytest

from decoders.errors import DecodeError
from decoders.mbus.profiles import Sample, inverse_samples, is_inverse_profile
from decoders.mbus.records import Record, records
from decoders.reader import ByteReader

AT = datetime(2026, 3, 31, 2, tzinfo=UTC)


def profile(data: str) -> Record:
    plain = bytes.fromhex(data)
    [record] = records(ByteReader(b"\x4d\x93\x13" + bytes((len(plain),)) + plain))
    return record


def samples(data: str, base: float | None = 10.0) -> list[Sample]:
    return list(inverse_samples(profile(data), base, AT))


def hour(back: int) -> datetime:
    return AT.replace(day=30 if back > 2 else 31, hour=(2 - back) % 24)


def test_a_profile_is_told_from_other_records() -> None:
    assert is_inverse_profile(profile("6101 00"))
    [plain] = records(ByteReader(bytes.fromhex("441303000000")))
    assert not is_inverse_profile(plain)


@pytest.mark.parametrize(
    ("data", "values"),
    [
        ("6101 01 02 00", [9.999, 9.997, 9.997]),
        ("a101 01 02", [10.001, 10.003]),
        ("e201 0100 feff", [9.999, 10.001]),
        ("2401 0a000000 fffffffe", [0.01, -16777.217]),
        ("6101 01 ff 02", [9.999]),
        ("e101 01 80 02", [9.999]),
        ("2101 0a 80 0b", [0.01, None, 0.011]),
        ("6201 0100 02", [9.999]),
        ("6101", []),
    ],
)
def test_elements_lead_back_from_the_base_value(data: str, values: list[float | None]) -> None:
    found = samples(data)
    assert [sample.value for sample in found] == [None if v is None else pytest.approx(v) for v in values]
    assert [sample.at for sample in found] == [hour(1 + index) for index in range(len(values))]


def test_differences_need_a_base_value_and_absolute_elements_do_not() -> None:
    assert samples("6101 01", base=None) == []
    assert [sample.value for sample in samples("2101 01", base=None)] == [0.001]


@pytest.mark.parametrize(
    ("data", "days"),
    [
        ("4105 01", ["2026-03-31T01:59:55"]),
        ("5105 01", ["2026-03-31T01:55:00"]),
        ("7102 01 01", ["2026-03-29T02:00:00", "2026-03-27T02:00:00"]),
        ("71fe 01 01", ["2026-02-28T02:00:00", "2026-01-31T02:00:00"]),
        ("61fe 01 01", ["2025-12-31T02:00:00", "2025-09-30T02:00:00"]),
        ("51fe 01 01", ["2025-09-30T02:00:00", "2025-03-31T02:00:00"]),
    ],
)
def test_the_spacing_counts_seconds_to_half_years(data: str, days: list[str]) -> None:
    assert [sample.at.isoformat()[:19] for sample in samples(data)] == days


def test_a_profile_ends_where_the_calendar_does() -> None:
    assert list(inverse_samples(profile("71fa" + "00" * 20), 1.0, datetime(3, 1, 1, tzinfo=UTC)))[-1].at.year == 1


@pytest.mark.parametrize("data", ["6001 00", "6501 00", "6100 00", "61fb 00", "41fe 00"])
def test_reserved_codes_are_refused(data: str) -> None:
    with pytest.raises(DecodeError):
        samples(data)
