"""Field tables over payloads of fixed layout: which bytes are which field of which reading."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from decoders.decoder import DecodeFunction
from decoders.fields import Layout
from decoders.reader import ByteReader
from decoders.readings import QualityFlag, Reading
from decoders.table_fields import ByteOrder, TableField, layout_field, scale_of, text_reader
from decoders.table_forms import Form, convert, converters, refusal
from decoders.table_settings import TableReading, TableSettings
from decoders.uplink import Uplink


class _Values:
    """The fields of a reading at fixed places, read out of a block of bytes."""

    def __init__(self, reading: TableReading, order: ByteOrder) -> None:
        kind = reading.model
        placed = {name: field for name, field in reading.fields.items() if field.offset is not None}
        numbers = {name: field for name, field in placed.items() if field.text is None}
        self.size = max((_end(field) for field in placed.values()), default=0)
        scaled = [layout_field(name, field, scale_of(kind, name, field)) for name, field in numbers.items()]
        self._layout = Layout(self.size, *scaled, order=order)
        self._converters = converters(kind, numbers)
        self._texts = [
            (name, text_reader(field.offset or 0, field.width, field.text, field.order or order))
            for name, field in placed.items()
            if field.text is not None
        ]

    def read(self, block: bytes, data: ByteReader) -> tuple[dict[str, object], QualityFlag]:
        """Values by field name, and the flags that fault codes raise."""
        numbers, flags = self._layout.values(block)
        values: dict[str, object] = dict(numbers)
        convert(values, self._converters, data)
        for name, text in self._texts:
            values[name] = text(block)
        return values, flags


def _end(field: TableField) -> int:
    return (field.offset or 0) + field.width


class _Placed(NamedTuple):
    """A reading at fixed places."""

    form: Form
    values: _Values
    subject: Callable[[bytes], str] | None
    size: int


def _placed(reading: TableReading, order: ByteOrder) -> _Placed:
    values, place = _Values(reading, order), reading.subject
    if place is None:
        return _Placed(Form.of(reading), values, None, values.size)
    subject = text_reader(place.offset, place.size, place.text, place.order or order)
    return _Placed(Form.of(reading), values, subject, max(values.size, place.offset + place.size))


def place_function(table: TableSettings) -> DecodeFunction:
    """Decodes payloads with numbers at fixed places."""
    readings = [_placed(reading, table.order) for reading in table.readings]
    refused = refusal(table)
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
