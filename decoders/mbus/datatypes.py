"""Data types of M-Bus records (EN 13757-3 annex A): BCD, integers, floats, dates. All little-endian.

Every function returns None for what the type calls invalid or not available.
"""

from datetime import UTC, date, datetime
from math import isfinite
from struct import Struct

_FLOAT = {4: Struct("<f"), 8: Struct("<d")}


def bcd(data: bytes) -> int | None:
    """Type A: packed BCD. A highest nibble F is a minus sign; any other nibble above 9 is invalid."""
    digits = data[::-1].hex()
    try:
        return int(digits)
    except ValueError:
        return -int(digits[1:]) if digits[:1] == "f" and digits[1:].isdecimal() else None


def signed(data: bytes) -> int | None:
    """Type B: two's complement; the most negative value is "not available"."""
    value = int.from_bytes(data, "little", signed=True)
    return None if not data or value == -1 << (8 * len(data) - 1) else value


def unsigned(data: bytes) -> int:
    """Types C and D: an unsigned number or a bit field."""
    return int.from_bytes(data, "little")


def real(data: bytes) -> float | None:
    """Type H: IEEE 754 of 4 or 8 bytes; infinities and NaN are invalid."""
    layout = _FLOAT.get(len(data))
    value = layout.unpack(data)[0] if layout else float("nan")
    return value if isfinite(value) else None


def point_in_time(data: bytes) -> datetime | None:
    """Type F (4 bytes, to the minute) or I (6 bytes, to the second).

    A meter's clock knows no time zone; the value carries UTC as a label. The summer-time bit is not applied.
    """
    if len(data) == 4:
        minute, hour, day_year, month_year = data
        if minute & 0x80:
            return None
        return _datetime(_year(day_year, month_year, (hour >> 5) & 0x03), month_year, day_year, hour, minute, 0)
    if len(data) == 6:
        second, minute, hour, day_year, month_year, _ = data
        if minute & 0x80:
            return None
        return _datetime(_year(day_year, month_year, 0), month_year, day_year, hour, minute, second)
    return None


def day(data: bytes) -> date | None:
    """Type G (2 bytes); years above 2099 are how some meters say "not set"."""
    if len(data) != 2:
        return None
    year = _years(data[0], data[1])
    if year > 99:
        return None
    try:
        return date(2000 + year, data[1] & 0x0F, data[0] & 0x1F)
    except ValueError:  # day 0, month 15: "every", not a date
        return None


def _years(day_year: int, month_year: int) -> int:
    """Two-digit year: its low bits stand above the day, its high bits above the month."""
    return (day_year >> 5) | (month_year >> 4) << 3


def _year(day_year: int, month_year: int, hundreds: int) -> int:
    """Full year. Meters that leave the hundreds at 0 mean 20yy up to 80 and 19yy after it."""
    years = _years(day_year, month_year)
    if hundreds == 0 and years <= 80:
        return 2000 + years
    return 1900 + 100 * hundreds + years


def _datetime(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime | None:
    try:
        return datetime(year, month & 0x0F, day & 0x1F, hour & 0x1F, minute & 0x3F, second & 0x3F, tzinfo=UTC)
    except ValueError:  # hour 31, minute 63: "every", not a point in time
        return None
