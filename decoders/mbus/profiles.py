"""Inverse compact profiles (EN 13757-3 annex F): a register's history in one record, newest first.

The record has VIFE 13; its data are a spacing control byte (bits 0-3 size of an element, 4-5 unit, 6-7 mode), the
spacing and the elements. They lead from a base value at a base time, which stand in records of their own with the same
storage number, back into the past.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from decoders.errors import DecodeError, RejectReason
from decoders.mbus.datatypes import signed, unsigned
from decoders.mbus.records import Record
from decoders.reader import ByteReader

INVERSE_PROFILE = 0x13

_UNITS = (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
_MONTHS = {1: 6, 2: 3, 3: 1}
"""What the spacing 254 means: months, by the unit beside it."""
_CALENDAR = 254
_LONGEST_SPACING = 250
_SIZES = range(1, 5)


class Mode(IntEnum):
    """What an element says."""

    ABSOLUTE = 0
    INCREMENTS = 1
    DECREMENTS = 2
    DIFFERENCES = 3


class Sample(NamedTuple):
    """One value of the past, in the unit of the record's VIF; None when its element says that there is none."""

    at: datetime
    value: float | None


def is_inverse_profile(record: Record) -> bool:
    """True for a record that holds such a profile."""
    return INVERSE_PROFILE in record.header.modifiers


def inverse_samples(profile: Record, base: float | None, at: datetime) -> Iterator[Sample]:
    """The samples before the base value, newest first. A difference that is not there ends them.

    Args:
        base: value of the record with the same storage number and VIF, in the unit of that VIF; needed but for
            absolute elements.
        at: time of that value.

    Raises:
        DecodeError: INVALID_PAYLOAD for a control byte or spacing that the standard reserves.
    """
    data = ByteReader(profile.data)
    control, spacing = data.u8(), data.u8()
    size, unit, mode = control & 0x0F, control >> 4 & 0x03, Mode(control >> 6)
    if size not in _SIZES or not (1 <= spacing <= _LONGEST_SPACING or (spacing == _CALENDAR and unit in _MONTHS)):
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"profile with control {control:02x}, spacing {spacing:02x}")
    multiply, divide = profile.header.vif.multiply, profile.header.vif.divide
    raw = None if base is None else round(base * divide / multiply)
    for index in range(data.remaining // size):
        raw = _step(raw, data.take(size), mode)
        if raw is None and mode is not Mode.ABSOLUTE:
            return
        try:
            before = _before(at, index + 1, spacing, unit)
        except (OverflowError, ValueError):  # before the year 1
            return
        yield Sample(before, None if raw is None else raw * multiply / divide)


def _step(raw: int | None, element: bytes, mode: Mode) -> int | None:
    """The raw value before `raw`; None when the element is invalid."""
    if mode is Mode.ABSOLUTE:
        return signed(element)
    delta = signed(element) if mode is Mode.DIFFERENCES else _counted(element)
    if raw is None or delta is None:
        return None
    return raw + delta if mode is Mode.DECREMENTS else raw - delta


def _counted(element: bytes) -> int | None:
    """An unsigned difference; all ones say that there is none."""
    value = unsigned(element)
    return None if value == (1 << 8 * len(element)) - 1 else value


def _before(at: datetime, steps: int, spacing: int, unit: int) -> datetime:
    if spacing == _CALENDAR:
        return _months_before(at, _MONTHS[unit] * steps)
    return at - _UNITS[unit] * spacing * steps


def _months_before(at: datetime, months: int) -> datetime:
    """The same day so many months earlier, or the last day of that month."""
    index = at.year * 12 + at.month - 1 - months
    year, month = index // 12, index % 12 + 1
    first = date(year, month, 1)  # raises for years that there are not
    return at.replace(year=year, month=month, day=min(at.day, monthrange(first.year, month)[1]))
