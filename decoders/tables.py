"""Field tables as decoders: what the configuration writes about a device, compiled once.

    acme_probe:
      source: data sheet, rev. 2
      readings:
        - kind: tree_moisture
          fields: {soil_moisture: {offset: 2, divide: 100, faults: {0xFFFF: sensor_fault}}}

Such a decoder keeps the rules of every other: it is pure, reads within the payload, and refuses what it cannot read.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from decoders import lpp
from decoders.decoder import DecodeFunction, Decoder
from decoders.discovery import Entry, Origin, content_hash
from decoders.errors import DecodeError, RejectReason
from decoders.fields import Layout
from decoders.reader import ByteReader
from decoders.readings import BayEvent, ParkingBay, QualityFlag, Reading
from decoders.table_fields import (
    ByteOrder,
    Convert,
    Scale,
    TableField,
    converter,
    fault_codes,
    layout_field,
    meaning,
    scale_of,
    text_reader,
)
from decoders.table_settings import Condition, TableFormat, TableReading, TableSettings
from decoders.uplink import Uplink

_NO_FLAGS = QualityFlag(0)


def entries(tables: Mapping[str, TableSettings], file: Path) -> list[Entry]:
    """The tables of a configuration file as decoders, each with the hash of its own definition."""
    return [
        Entry(decoder(name, table), file, definition_hash(table), Origin.CONFIGURED) for name, table in tables.items()
    ]


def decoder(name: str, table: TableSettings) -> Decoder:
    """One table as a decoder."""
    function = _items(table) if table.format is TableFormat.CAYENNE_LPP else _places(table)
    return Decoder(
        name=name,
        version=table.version,
        vendor=table.vendor,
        model=table.model,
        function=function,
        kinds=tuple(dict.fromkeys(reading.model for reading in table.readings)),
        source=table.source,
        profiles=table.profiles,
        f_ports=table.f_ports,
    )


def definition_hash(table: TableSettings) -> str:
    """What tells two states of a table apart, whatever order its keys stand in."""
    return content_hash(json.dumps(table.model_dump(mode="json"), sort_keys=True).encode())


Holds = Callable[[Uplink], bool]


class _Form(NamedTuple):
    """What readings of both formats have in common: the kind, when it comes, and its flags."""

    kind: type[Reading]
    channel: int
    holds: Holds
    constants: Mapping[str, object]
    flags: Sequence[tuple[Holds, QualityFlag]]

    @classmethod
    def of(cls, reading: TableReading) -> "_Form":
        kind = reading.model
        constants = {
            name: meaning(kind, name, field.value) for name, field in reading.fields.items() if field.value is not None
        }
        flags = [(_condition(condition), QualityFlag[flag]) for flag, condition in reading.flags.items()]
        return cls(kind, reading.channel, _condition(reading.when), constants, flags)

    def reading(self, uplink: Uplink, measured: dict[str, object], flags: QualityFlag, *, subject: str = "") -> Reading:
        """The reading of what was measured, with the constants and the flags whose condition holds."""
        measured.update(self.constants)
        for holds, flag in self.flags:
            if holds(uplink):
                flags |= flag
        if self.kind is ParkingBay:
            flags = _told_apart(measured, flags)
        return self.kind.of(uplink, measured, flags=flags, subject=subject, channel=self.channel)


def _told_apart(bay: dict[str, object], flags: QualityFlag) -> QualityFlag:
    """A start-up is no sighting: its event and its flag come together, whichever of them the table names."""
    if QualityFlag.STARTUP in flags:
        bay["event"] = BayEvent.STARTUP
    elif bay.get("event") is BayEvent.STARTUP:
        flags |= QualityFlag.STARTUP
    if QualityFlag.STARTUP in flags:
        bay["occupied"] = None
    return flags


class _Values:
    """The fields of a reading at fixed places, read out of a block of bytes."""

    def __init__(self, reading: TableReading, order: ByteOrder) -> None:
        kind = reading.model
        placed = {name: field for name, field in reading.fields.items() if field.offset is not None}
        numbers = {name: field for name, field in placed.items() if field.text is None}
        self.size = max((_end(field) for field in placed.values()), default=0)
        scaled = [layout_field(name, field, scale_of(kind, name, field)) for name, field in numbers.items()]
        self._layout = Layout(self.size, *scaled, order=order)
        self._converters = _converters(kind, numbers)
        self._texts = [
            (name, text_reader(field.offset or 0, field.width, field.text, field.order or order))
            for name, field in placed.items()
            if field.text is not None
        ]

    def read(self, block: bytes, data: ByteReader) -> tuple[dict[str, object], QualityFlag]:
        """Values by field name, and the flags that fault codes raise."""
        numbers, flags = self._layout.values(block)
        values: dict[str, object] = dict(numbers)
        _convert(values, self._converters, data)
        for name, text in self._texts:
            values[name] = text(block)
        return values, flags


def _end(field: TableField) -> int:
    return (field.offset or 0) + field.width


def _converters(kind: type[Reading], fields: Mapping[str, TableField]) -> list[tuple[str, Convert]]:
    named = [(name, converter(kind, name, field)) for name, field in fields.items()]
    return [(name, convert) for name, convert in named if convert is not None]


def _convert(values: dict[str, object], converters: Sequence[tuple[str, Convert]], data: ByteReader) -> None:
    """Numbers become values of their field's type; one without a meaning becomes None with a warning."""
    for name, convert in converters:
        number = values.get(name)
        if isinstance(number, (int, float)):
            values[name] = convert(number)
            if values[name] is None:
                data.warn(f"{name}: a number that the table gives no meaning")


class _Placed(NamedTuple):
    """A reading at fixed places."""

    form: _Form
    values: _Values
    subject: Callable[[bytes], str] | None
    size: int


def _placed(reading: TableReading, order: ByteOrder) -> _Placed:
    values, place = _Values(reading, order), reading.subject
    if place is None:
        return _Placed(_Form.of(reading), values, None, values.size)
    subject = text_reader(place.offset, place.size, place.text, place.order or order)
    return _Placed(_Form.of(reading), values, subject, max(values.size, place.offset + place.size))


def _places(table: TableSettings) -> DecodeFunction:
    """Decodes payloads with numbers at fixed places."""
    readings = [_placed(reading, table.order) for reading in table.readings]
    refused = _refusal(table)
    least = table.size or 0

    def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
        found = [reading for reading in readings if reading.form.holds(uplink)]
        if not found:
            raise refused(uplink)
        block = data.take(max(least, *(reading.size for reading in found)))
        return [_reading(reading, uplink, block, data) for reading in found]

    return decode


def _reading(placed: _Placed, uplink: Uplink, block: bytes, data: ByteReader) -> Reading:
    measured, flags = placed.values.read(block, data)
    subject = "" if placed.subject is None else placed.subject(block)
    return placed.form.reading(uplink, measured, flags, subject=subject)


class _ItemField(NamedTuple):
    """A field that is an item of a Cayenne LPP payload."""

    name: str
    key: tuple[int, str]
    faults: Mapping[int, QualityFlag]
    scale: Scale


class _Itemised(NamedTuple):
    """A reading made of items."""

    form: _Form
    fields: Sequence[_ItemField]
    converters: Sequence[tuple[str, Convert]]


def _itemised(reading: TableReading) -> _Itemised:
    kind = reading.model
    items = {name: field for name, field in reading.fields.items() if field.value is None}
    fields = [
        _ItemField(name, (field.channel or 0, field.type or ""), _item_faults(field), scale_of(kind, name, field))
        for name, field in items.items()
    ]
    return _Itemised(_Form.of(reading), fields, _converters(kind, items))


def _item_faults(field: TableField) -> dict[int, QualityFlag]:
    """Fault codes as an item of a signed type reads them."""
    item = field.item
    codes = fault_codes(field)
    if item is None or not item.signed:
        return codes
    half = 1 << (8 * item.size - 1)
    return {code - 2 * half if code >= half else code: flag for code, flag in codes.items()}


def _items(table: TableSettings) -> DecodeFunction:
    """Decodes Cayenne LPP payloads; a reading of which no item is there is left out."""
    readings = [_itemised(reading) for reading in table.readings]
    known = {field.key for reading in readings for field in reading.fields}
    refused = _refusal(table)

    def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
        found = [reading for reading in readings if reading.form.holds(uplink)]
        if not found:
            raise refused(uplink)
        items: dict[tuple[int, str], int] = {}
        for item in lpp.read_items(data):
            key = (item.channel, item.type.name)
            if key not in known:
                data.warn(f"{item} is not in the table")
            elif items.setdefault(key, item.raw) != item.raw:
                data.warn(f"{item} stands twice; the first one counts")
        return [made for reading in found if (made := _of_items(reading, uplink, items, data)) is not None]

    return decode


def _of_items(
    reading: _Itemised, uplink: Uplink, items: Mapping[tuple[int, str], int], data: ByteReader
) -> Reading | None:
    values: dict[str, object] = {}
    flags = _NO_FLAGS
    for name, key, faults, scale in reading.fields:
        raw = items.get(key)
        if raw is None:
            continue
        flags |= faults.get(raw, _NO_FLAGS)
        values[name] = None if raw in faults else scale(raw)
    if not values:
        return None
    _convert(values, reading.converters, data)
    return reading.form.reading(uplink, values, flags)


def _condition(condition: Condition) -> Holds:
    """The condition as a function; a byte that the payload does not have is never equal to anything."""
    ports, least, most = condition.f_port, condition.min_size, condition.max_size
    wanted = [(int(offset, 0), byte.mask, frozenset(byte.equals)) for offset, byte in condition.bytes.items()]

    def holds(uplink: Uplink) -> bool:
        payload = uplink.payload
        if (ports and uplink.f_port not in ports) or not least <= len(payload) <= most:
            return False
        return all(offset < len(payload) and payload[offset] & mask in equals for offset, mask, equals in wanted)

    return holds


def _refusal(table: TableSettings) -> Callable[[Uplink], DecodeError]:
    """Why an uplink for which no reading of the table is meant is refused."""
    conditions = [reading.when for reading in table.readings]
    looked_at = {int(offset, 0) for condition in conditions for offset in condition.bytes}
    least = max(looked_at, default=-1) + 1
    shortest = min(condition.min_size for condition in conditions)

    def refused(uplink: Uplink) -> DecodeError:
        if not any(not condition.f_port or uplink.f_port in condition.f_port for condition in conditions):
            return DecodeError(RejectReason.UNKNOWN_PORT, f"the table knows no port {uplink.f_port}")
        if len(uplink.payload) < max(least, shortest):
            return DecodeError(RejectReason.TRUNCATED, f"no reading of the table fits {len(uplink.payload)} bytes")
        return DecodeError(RejectReason.INVALID_PAYLOAD, "no reading of the table is meant for this payload")

    return refused
