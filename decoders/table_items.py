"""Field tables over Cayenne LPP: which channel and type is which field of which reading."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from decoders import lpp
from decoders.decoder import DecodeFunction
from decoders.reader import ByteReader
from decoders.readings import QualityFlag, Reading
from decoders.table_fields import Convert, Scale, TableField, fault_codes, scale_of
from decoders.table_forms import NO_FLAGS, Form, convert, converters, refusal
from decoders.table_settings import TableReading, TableSettings
from decoders.uplink import Uplink


class _ItemField(NamedTuple):
    """A field that is an item of a Cayenne LPP payload."""

    name: str
    key: tuple[int, str]
    faults: Mapping[int, QualityFlag]
    scale: Scale


class _Itemised(NamedTuple):
    """A reading made of items."""

    form: Form
    fields: Sequence[_ItemField]
    converters: Sequence[tuple[str, Convert]]


def _itemised(reading: TableReading) -> _Itemised:
    kind = reading.model
    items = {name: field for name, field in reading.fields.items() if field.value is None}
    fields = [
        _ItemField(name, (field.channel or 0, field.type or ""), _item_faults(field), scale_of(kind, name, field))
        for name, field in items.items()
    ]
    return _Itemised(Form.of(reading), fields, converters(kind, items))


def _item_faults(field: TableField) -> dict[int, QualityFlag]:
    """Fault codes as an item of a signed type reads them."""
    item = field.item
    codes = fault_codes(field)
    if item is None or not item.signed:
        return codes
    half = 1 << (8 * item.size - 1)
    return {code - 2 * half if code >= half else code: flag for code, flag in codes.items()}


def item_function(table: TableSettings) -> DecodeFunction:
    """Decodes Cayenne LPP payloads; a reading of which no item is there is left out."""
    readings = [_itemised(reading) for reading in table.readings]
    known = {field.key for reading in readings for field in reading.fields}
    refused = refusal(table)

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
    flags = NO_FLAGS
    for name, key, faults, scale in reading.fields:
        raw = items.get(key)
        if raw is None:
            continue
        flags |= faults.get(raw, NO_FLAGS)
        values[name] = None if raw in faults else scale(raw)
    if not values:
        return None
    convert(values, reading.converters, data)
    return reading.form.reading(uplink, values, flags)
