"""Cayenne LPP: payloads that name themselves, item by item: channel, type, value.

    03 67 0110 05 02 00fe   temperature 27.2 Cel on channel 3, analog input 2.54 on channel 5

A type's number is its IPSO object id less 3200; numbers are big-endian. The type alone tells how long an item is, so
nothing after an unknown one can be read. Which tree or which battery a channel is, the payload does not say.

Source: myDevices' Cayenne LPP description, and the types that the Arduino libraries of The Things Network and of
Electronic Cats (1.1) add to it.
"""

from typing import Final, NamedTuple

from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader


class ItemType(NamedTuple):
    """What an item of one type is.

    Attributes:
        name: how it is called in a configuration.
        size: bytes of the value.
        unit: UCUM code; empty where the type says nothing about it.
        signed, divide: value = number / divide.
        parts: numbers in one item; only types with a single one can be a field of a reading.
    """

    name: str
    size: int
    unit: str = ""
    signed: bool = False
    divide: int = 1
    parts: int = 1


TYPES: Final = {
    0: ItemType("digital_input", 1),
    1: ItemType("digital_output", 1),
    2: ItemType("analog_input", 2, signed=True, divide=100),
    3: ItemType("analog_output", 2, signed=True, divide=100),
    100: ItemType("generic", 4),
    101: ItemType("illuminance", 2, "lx"),
    102: ItemType("presence", 1),
    103: ItemType("temperature", 2, "Cel", signed=True, divide=10),
    104: ItemType("humidity", 1, "%", divide=2),
    113: ItemType("accelerometer", 6, "g", signed=True, divide=1000, parts=3),
    115: ItemType("barometer", 2, "hPa", divide=10),
    116: ItemType("voltage", 2, "V", divide=100),
    117: ItemType("current", 2, "A", divide=1000),
    118: ItemType("frequency", 4, "Hz"),
    120: ItemType("percentage", 1, "%"),
    121: ItemType("altitude", 2, "m", signed=True),
    125: ItemType("concentration", 2, "[ppm]"),
    128: ItemType("power", 2, "W"),
    130: ItemType("distance", 4, "m", divide=1000),
    131: ItemType("energy", 4, "kWh", divide=1000),
    132: ItemType("direction", 2, "deg"),
    133: ItemType("unix_time", 4, "s"),
    134: ItemType("gyrometer", 6, "deg/s", signed=True, divide=100, parts=3),
    135: ItemType("colour", 3, parts=3),
    136: ItemType("location", 9, signed=True, parts=3),
    142: ItemType("switch", 1),
}
BY_NAME: Final = {kind.name: kind for kind in TYPES.values()}

_POLYLINE = 240
_POLYLINE_HEAD = 8
"""Size, factor and the first point; the size in its first byte counts these, too."""


class Item(NamedTuple):
    """One value of a payload; `raw` is its number before any scale, 0 for items of several numbers."""

    channel: int
    type: ItemType
    raw: int

    def __str__(self) -> str:
        return f"{self.type.name} on channel {self.channel}"


def read_items(data: ByteReader) -> list[Item]:
    """All items of a payload.

    Raises:
        DecodeError: TRUNCATED; INVALID_PAYLOAD for a type whose length nobody knows.
    """
    items = [_item(data)]
    while data.remaining:
        items.append(_item(data))
    return items


def _item(data: ByteReader) -> Item:
    channel, code = data.u8(), data.u8()
    kind = TYPES.get(code)
    if kind is None:
        return Item(channel, _line(data, code), 0)
    if kind.parts > 1:
        data.take(kind.size)
        return Item(channel, kind, 0)
    return Item(channel, kind, data.signed(kind.size) if kind.signed else data.unsigned(kind.size))


def _line(data: ByteReader, code: int) -> ItemType:
    """Skip a line of positions, the one type that says its length itself."""
    if code != _POLYLINE:
        detail = f"type {code} at offset {data.offset - 1} is unknown, and so is where the next value begins"
        raise DecodeError(RejectReason.INVALID_PAYLOAD, detail)
    size = data.peek()
    if size < _POLYLINE_HEAD:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"a line of positions of {size} bytes")
    data.take(size)
    return ItemType("polyline", size, parts=2)
