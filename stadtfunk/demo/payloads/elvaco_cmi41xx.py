"""Elvaco CMi4110/4111/4130/4140/4160, fPort 2: one format byte, then M-Bus records of the standard telegram.

Energy, volume, power, flow, supply and return temperature, meter id, error flags. CMi4110 passes on BCD values,
the others little-endian integers; the units differ from module to module and stand in the VIF of each record.
A module that cannot read its meter sends the same records with the DIF's error-state bits set (0x30), the CMi4110
only the two bytes 0E 00.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stadtfunk.demo.device import Floats, Integers

F_PORT = 2
_ERROR_STATE = 0x30
_NO_METER_CMI4110 = bytes.fromhex("0e00")


@dataclass(frozen=True, slots=True)
class Record:
    """One M-Bus record: its DIF and VIF bytes and the unit of one count, as a share of the canonical unit."""

    header: bytes
    unit: float

    @property
    def size(self) -> int:
        """Bytes of data that the DIF announces."""
        return {0x1: 1, 0x2: 2, 0x3: 3, 0x4: 4, 0x7: 8, 0xA: 2, 0xB: 3, 0xC: 4}[self.header[0] & 0x0F]

    @property
    def is_bcd(self) -> bool:
        """True for binary-coded decimal data."""
        return self.header[0] & 0x0F in (0xA, 0xB, 0xC)


@dataclass(frozen=True)
class Telegram:
    """The standard telegram of one module; records in order, the last two are meter id and error flags."""

    profile: str
    message_format: int
    values: tuple[Record, ...]
    meter_id: Record
    errors: Record
    id_suffix: bytes = b""

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """All records."""
        return (*self.values, self.meter_id, self.errors)


def _telegram(
    profile: str, message_format: int, units: str, *, meter_id: str = "0c78", errors: str, id_suffix: str = ""
) -> Telegram:
    headers = [bytes.fromhex(header) for header in units.split()]
    return Telegram(
        profile=profile,
        message_format=message_format,
        values=tuple(Record(header, _UNITS[header[1:]]) for header in headers),
        meter_id=Record(bytes.fromhex(meter_id), 1),
        errors=Record(bytes.fromhex(errors), 1),
        id_suffix=bytes.fromhex(id_suffix),
    )


_UNITS = {
    bytes.fromhex(vif): unit
    for vif, unit in {
        "06": 1,  # kWh
        "fb00": 100,
        "13": 0.001,  # m3
        "14": 0.01,
        "2b": 0.001,  # kW
        "2d": 0.1,
        "3b": 0.001,  # m3/h
        "59": 0.01,  # Cel, supply
        "5a": 0.1,
        "5d": 0.01,  # Cel, return
        "5e": 0.1,
    }.items()
}

TELEGRAMS: tuple[Telegram, ...] = (
    _telegram("Elvaco CMi4110", 0x00, "0c06 0c14 0b2b 0b3b 0a5a 0a5e", errors="02fd17"),
    _telegram("Elvaco CMi4111", 0x05, "0406 0414 022d 023b 025a 025e", errors="04fd17"),
    _telegram("Elvaco CMi4130", 0x0F, "0406 0414 022d 023b 025a 025e", errors="02fd17"),
    _telegram("Elvaco CMi4140", 0x15, "0406 0413 022d 023b 0259 025d", errors="04fd17"),
    _telegram(
        "Elvaco CMi4160",
        0x1E,
        "0406 0413 022d 023b 025a 025e",
        meter_id="0779",
        errors="01fd17",
        id_suffix="a5114004",  # manufacturer DME, version 40, medium heat (return)
    ),
)
LARGE_BUILDING = _telegram("Elvaco CMi4110", 0x00, "0cfb00 0c14 0b2b 0b3b 0a5a 0a5e", errors="02fd17")
"""What a CMi4110 sends behind a meter that counts in 0.1 MWh."""


def encode(telegram: Telegram, values: Floats, meter_id: Integers, errors: Integers) -> NDArray[np.uint8]:
    """Payloads (n, size) of `values` (n, 6) in kWh, m3, kW, m3/h, Cel, Cel.

    Energy and volume are cut to whole counts like in a register, the rest is rounded.
    """
    count = len(values)
    parts = [np.full((count, 1), telegram.message_format, dtype=np.uint8)]
    for column, record in enumerate(telegram.values):
        counts = values[:, column] / record.unit
        whole = np.floor(counts + 1e-9) if column < 2 else np.rint(counts)
        parts += [_header(record, count), _data(record, whole.astype(np.int64))]
    parts += [_header(telegram.meter_id, count), bcd(meter_id, 4), _repeated(telegram.id_suffix, count)]
    parts += [_header(telegram.errors, count), _data(telegram.errors, errors)]
    return np.hstack(parts)


def without_contact(telegram: Telegram, payload: bytes) -> bytes:
    """The telegram that a module sends in place of `payload` while it cannot read its meter."""
    if telegram.profile == "Elvaco CMi4110":
        return _NO_METER_CMI4110
    silent = bytearray(payload)
    offset = 1
    for record in telegram.records:
        silent[offset] |= _ERROR_STATE
        offset += len(record.header) + record.size
    return bytes(silent)


def bcd(values: Integers, size: int) -> NDArray[np.uint8]:
    """Binary-coded decimal (n, size), low byte first; a negative number has F as its highest digit."""
    digits = np.empty((len(values), size), dtype=np.uint8)
    rest = np.abs(values)
    for index in range(size):
        rest, pair = np.divmod(rest, 100)
        digits[:, index] = (pair // 10 << 4) | (pair % 10)
    digits[values < 0, -1] |= 0xF0
    return digits


def _data(record: Record, counts: Integers) -> NDArray[np.uint8]:
    if record.is_bcd:
        return bcd(counts, record.size)
    return counts.astype("<i8").view(np.uint8).reshape(-1, 8)[:, : record.size]


def _header(record: Record, count: int) -> NDArray[np.uint8]:
    return _repeated(record.header, count)


def _repeated(content: bytes, count: int) -> NDArray[np.uint8]:
    return np.broadcast_to(np.frombuffer(content, dtype=np.uint8), (count, len(content)))
