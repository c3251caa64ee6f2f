"""The header of an M-Bus record: data information (DIF, DIFE) and value information (VIF, VIFE).

Meters send the same headers over and over, so the parsed form is kept (bounded) by its bytes.
"""

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from decoders.errors import DecodeError, RejectReason
from decoders.mbus.vif import EXTENSION_FB, EXTENSION_FD, PRIMARY, UNKNOWN, Vif
from decoders.reader import ByteReader

_MORE = 0x80
"""Another byte of the chain follows."""
_CHAIN = 11
"""A DIF or VIF and its ten extensions."""

_PLAIN_TEXT = 0x7C
_MANUFACTURER = 0x7F
_EXTENSIONS = {0xFB: EXTENSION_FB, 0xFD: EXTENSION_FD}


class Function(IntEnum):
    """Which value of the quantity it is."""

    INSTANTANEOUS = 0
    MAXIMUM = 1
    MINIMUM = 2
    ERROR = 3
    """The value during an error state: the field is known, the value means nothing."""


class Header(NamedTuple):
    """What a record's value is.

    Attributes:
        raw: the header's bytes as sent.
        storage, tariff, subunit: register numbers, 0 = the current value, the total, the meter itself.
        data_field: low four bits of the DIF, the type of the value.
        modifiers: combinable VIFE (without the extension bit) that change the meaning and are not applied.
        manufacturer: VIFE of the manufacturer's own, as sent: what follows a VIF or VIFE `FF`.
    """

    raw: bytes
    function: Function
    storage: int
    tariff: int
    subunit: int
    data_field: int
    vif: Vif
    modifiers: tuple[int, ...] = ()
    manufacturer: bytes = b""

    @property
    def current(self) -> bool:
        """True for a value of now (or in error state) of the meter itself: no maximum, storage, tariff or subunit."""
        return (
            self.function in (Function.INSTANTANEOUS, Function.ERROR)
            and not (self.storage or self.tariff or self.subunit)
            and not (self.modifiers or self.manufacturer)
        )


def read_header(data: ByteReader) -> bytes:
    """The next record's header as sent; `parse_header` says what it means.

    Raises:
        DecodeError: TRUNCATED, or INVALID_PAYLOAD for reserved codes and endless chains.
    """
    payload, start = data.payload, data.offset
    usual = payload[start : start + 2]
    if usual.isascii() and len(usual) == 2 and usual[1] != _PLAIN_TEXT:  # two bytes without extensions
        data.offset = start + 2
        return usual
    try:
        end = _chain_end(payload, start)
        if payload[end] & ~_MORE == _PLAIN_TEXT:  # length and text stand between the VIF and its extensions
            more = payload[end] & _MORE
            end += 2 + payload[end + 1]
            end = _chain_end(payload, end) if more else end
        else:
            end = _chain_end(payload, end)
    except IndexError:
        raise DecodeError(RejectReason.TRUNCATED, f"record at offset {start} ends in its header") from None
    return data.take(end - start)


@lru_cache(maxsize=1024)
def parse_header(raw: bytes) -> Header:
    """The meaning of a whole header.

    Raises:
        DecodeError: INVALID_PAYLOAD for a reserved DIF.
    """
    end = _chain_end(raw, 0)
    dif, difes, vib = raw[0], raw[1:end], raw[end:]
    data_field = dif & 0x0F
    if data_field == 0x0F:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"DIF {dif:02x} is reserved")
    storage, tariff, subunit = (dif >> 6) & 1, 0, 0
    for index, dife in enumerate(difes):
        storage |= (dife & 0x0F) << (1 + 4 * index)
        tariff |= ((dife >> 4) & 0x03) << (2 * index)
        subunit |= ((dife >> 6) & 0x01) << index
    vif, modifiers, manufacturer = _parse_vib(vib)
    return Header(
        raw, Function((dif >> 4) & 0x03), storage, tariff, subunit, data_field, vif, tuple(modifiers), manufacturer
    )


def _chain_end(payload: bytes, at: int) -> int:
    """Index after the chain that starts at `at`: every byte with the highest bit set is followed by another."""
    start = at
    while payload[at] & _MORE:
        at += 1
        if at - start == _CHAIN:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, f"more than ten extensions at offset {start}")
    return at + 1


def _parse_vib(vib: bytes) -> tuple[Vif, list[int], bytes]:
    """Meaning, modifiers and manufacturer's own extensions of a VIF with its VIFE."""
    first, rest = vib[0], vib[1:]
    if first & ~_MORE == _PLAIN_TEXT:
        rest = rest[1 + rest[0] :]
    if first in _EXTENSIONS:
        vif = _EXTENSIONS[first].get(rest[0] & ~_MORE, UNKNOWN)
        rest = rest[1:]
    else:
        vif = PRIMARY.get(first & ~_MORE, UNKNOWN)
    if first & ~_MORE == _MANUFACTURER:
        return vif, [], rest
    return _combine(vif, rest)


def _combine(vif: Vif, vifes: bytes) -> tuple[Vif, list[int], bytes]:
    """Apply the extensions that scale the value; keep the others."""
    modifiers: list[int] = []
    for index, vife in enumerate(vifes):
        code = vife & ~_MORE
        if code == _MANUFACTURER:
            return vif, modifiers, vifes[index + 1 :]
        if 0x70 <= code <= 0x77:
            vif = vif.times_ten_to(code - 0x76)
        elif code == 0x7D:
            vif = vif.times_ten_to(3)
        else:
            modifiers.append(code)
    return vif, modifiers, b""
