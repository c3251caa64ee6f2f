"""The records of an M-Bus telegram: header and value, one after the other, up to the end of the payload."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from decoders.errors import DecodeError, RejectReason
from decoders.mbus import datatypes
from decoders.mbus.header import Header, parse_header, read_header
from decoders.mbus.vif import Measure
from decoders.reader import ByteReader

Value = float | int | str | date | None

_FILLER = 0x2F
_MANUFACTURER_DATA = (0x0F, 0x1F)
_REAL = 0x05
_PROFILES = {0x13, 0x1E, 0x1F}
"""VIFE of compact profiles: their length byte is a plain count of bytes."""

_SIZES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, _REAL: 4, 6: 6, 7: 8, 8: 0, 9: 1, 10: 2, 11: 3, 12: 4, 14: 6}
_BCD = {9, 10, 11, 12, 14}

_BITS_OR_NUMBERS = {
    Measure.FABRICATION_NUMBER,
    Measure.IDENTIFICATION,
    Measure.BUS_ADDRESS,
    Measure.ERROR_FLAGS,
    Measure.DEVICE_TYPE,
    Measure.MANUFACTURER,
    Measure.MODEL_VERSION,
    Measure.HARDWARE_VERSION,
    Measure.FIRMWARE_VERSION,
    Measure.SOFTWARE_VERSION,
    Measure.CUSTOMER_LOCATION,
    Measure.CUSTOMER,
}
"""Measures whose integers have no sign (types C and D)."""


class Record(NamedTuple):
    """One record.

    Attributes:
        value: in the unit of `header.vif`; an int where that has no unit; None when the data say "invalid" or "not
            available" or hold nothing. The value of an error state (`Function.ERROR`) means nothing.
        data: the value's bytes as sent.
    """

    header: Header
    value: Value
    data: bytes


MANUFACTURER_DATA = parse_header(b"\x00\x7f")
"""Header of the record that holds a telegram's manufacturer data (DIF `0F` or `1F`)."""


def records(data: ByteReader) -> Iterator[Record]:
    """All records of the rest of the payload; fillers are skipped.

    Raises:
        DecodeError: TRUNCATED, or INVALID_PAYLOAD for codes that the standard reserves.
    """
    payload, end = data.payload, len(data.payload)
    while data.offset < end:
        dif = payload[data.offset]
        if dif == _FILLER:
            data.take(1)
        elif dif in _MANUFACTURER_DATA:
            data.take(1)
            yield Record(MANUFACTURER_DATA, None, data.rest())
        else:
            header, size, value_of = _shape(read_header(data))
            if size is None:
                yield _variable(header, data)
            else:
                chunk = data.take(size)
                yield Record(header, value_of(chunk), chunk)


@lru_cache(maxsize=1024)
def _shape(raw_header: bytes) -> tuple[Header, int | None, Callable[[bytes], Value]]:
    """What a header says about the value after it: how many bytes (None: they say it themselves), how to read them."""
    header = parse_header(raw_header)
    size = _SIZES.get(header.data_field)
    return header, size, _value_of(header) if size else _nothing


def _value_of(header: Header) -> Callable[[bytes], Value]:
    measure, unit, multiply, divide = header.vif
    if measure is Measure.DATE_TIME:
        return datatypes.point_in_time
    if measure is Measure.DATE:
        return datatypes.day
    number_type = _number_type(header)
    if not unit:
        return number_type

    def scaled(data: bytes) -> float | None:
        raw = number_type(data)
        return None if raw is None else raw * multiply / divide

    return scaled


def _number_type(header: Header) -> Callable[[bytes], float | int | None]:
    if header.data_field in _BCD:
        return datatypes.bcd
    if header.data_field == _REAL:
        return datatypes.real
    return datatypes.unsigned if header.vif.measure in _BITS_OR_NUMBERS else datatypes.signed


def _nothing(_: bytes) -> None:
    return None


def _variable(header: Header, data: ByteReader) -> Record:
    """A value whose first byte says its kind and length (LVAR)."""
    length = data.u8()
    if not _PROFILES.isdisjoint(header.modifiers):
        return Record(header, None, data.take(length))
    if length <= _LONGEST_TEXT:
        chunk = data.take(length)
        return Record(header, chunk[::-1].decode("latin-1"), chunk)
    for first, last, number_type in _VARIABLE_NUMBERS:
        if first <= length <= last:
            chunk = data.take(length - first)
            return Record(header, _scaled(header, number_type(chunk)), chunk)
    raise DecodeError(RejectReason.INVALID_PAYLOAD, f"variable length {length:02x} is reserved")


def _scaled(header: Header, raw: float | int | None) -> float | int | None:
    if raw is None or not header.vif.unit:
        return raw
    return raw * header.vif.multiply / header.vif.divide


def _negative_bcd(data: bytes) -> int | None:
    positive = datatypes.bcd(data)
    return None if positive is None else -positive


_LONGEST_TEXT = 0xBF
_VARIABLE_NUMBERS: tuple[tuple[int, int, Callable[[bytes], float | int | None]], ...] = (
    (0xC0, 0xC9, datatypes.bcd),
    (0xD0, 0xD9, _negative_bcd),
    (0xE0, 0xEF, datatypes.signed),
    (0xF0, 0xFA, datatypes.real),
)
