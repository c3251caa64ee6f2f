"""Milesight's payloads: entries of channel, type and data, one after the other, little-endian, on any port.

A device file gives a table of its entries, and `read_entries` walks the payload with it. Shared here is what every
Milesight device tells about itself, and the answers to downlinks: no reading, but their length must be known.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader

State = TypeVar("State")
HISTORY = b"\x20\xce"
_KIND_OF_HISTORY = 4
"""Place of the byte that says what a history entry of a people counter holds, after its time."""


class Device(Protocol):
    """What notes something about the device itself, by field of `DeviceHealth`."""

    def device(self, channel: int = 0, **values: object) -> None: ...


Entry = Callable[[Device, ByteReader], None]
"""Takes the data of one entry."""


def read_entries(data: ByteReader, state: State, entries: Mapping[bytes, Callable[[State, ByteReader], None]]) -> None:
    """Give the data of each entry to the function that takes it, with `state`.

    An unknown entry ends the walk with a warning, because its length is unknown: what came before is kept.

    Args:
        entries: by channel and type; entries of history may have a third byte, their kind.

    Raises:
        DecodeError: a truncated entry, or a payload that begins with an unknown one.
    """
    while data.remaining:
        start = data.offset
        key = data.take(2)
        take = entries.get(key)
        if take is None and key == HISTORY:
            take = entries.get(key + bytes((data.peek(_KIND_OF_HISTORY),)))
        if take is None:
            data.offset = start
            break
        take(state, data)
    if not data.offset:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "begins with no entry of this device")
    if data.remaining:
        data.warn(f"unknown entry at offset {data.offset}")


def skip(size: int) -> Callable[[object, ByteReader], None]:
    """Data that give no reading."""

    def take(_: object, data: ByteReader) -> None:
        data.take(size)

    return take


def battery(device: Device, data: ByteReader) -> None:
    """One u8 in %."""
    device.device(battery_level=float(data.u8()))


def firmware(device: Device, data: ByteReader) -> None:
    """Four numbers: product, major, variant, minor."""
    device.device(firmware=".".join(str(part) for part in data.take(4)))


def _short_firmware(device: Device, data: ByteReader) -> None:
    device.device(firmware="{:x}.{:x}".format(*data.take(2)))


def _restart(cause: str) -> Entry:
    def take(device: Device, data: ByteReader) -> None:
        data.take(1)
        device.device(reset_cause=cause)

    return take


def _power(device: Device, data: ByteReader) -> None:
    device.device(external_power=data.u8() != 0)


_ANSWERS = {
    1: "04 10 27 28 3b 40 41 42 43 44 45 48 4a 50 51 68 69 6b 6d 71 84 97 a6 a8 a9 aa ec f5 fc fd",
    2: "02 03 17 18 1c 70 72 77 8f a7 bd f2",
    3: "05 46 6a 7a 8e ab ed ef",
    4: "11 f1",
    6: "75",
    8: "35 96",
    9: "06",
}
"""Types of answers to downlinks (channels FE and FF) by the number of their data bytes."""


def answers(types: Mapping[int, str], *channels: int, more: int = 0) -> dict[bytes, Entry]:
    """Answers to downlinks, which are skipped: types in hexadecimal by the number of their data bytes."""
    return {
        bytes((channel, kind)): skip(size + more)
        for channel in channels
        for size, kinds in types.items()
        for kind in bytes.fromhex(kinds)
    }


def extended_answers(types: Mapping[int, str]) -> dict[bytes, Entry]:
    """Answers on channel F9, and on F8 with a byte that says how it went."""
    return answers(types, 0xF9) | answers(types, 0xF8, more=1)


DEVICE: Mapping[bytes, Entry] = answers(_ANSWERS, 0xFE, 0xFF) | {
    b"\xff\x01": skip(1),
    b"\xff\x08": skip(6),
    b"\xff\x09": skip(2),
    b"\xff\x0a": _short_firmware,
    b"\xff\x0b": _restart("power_on"),
    b"\xff\x0f": skip(1),
    b"\xff\x16": skip(8),
    b"\xff\x1f": firmware,
    b"\xff\xcc": _power,
    b"\xff\xfe": _restart("reset"),
    b"\xff\xff": skip(2),
}
"""What every device tells about itself: versions, serial number, class, power, restarts; and answers to downlinks."""
