"""What can be wrong with a field of a field table, told with its key and what was expected."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from decoders import fields
from decoders.json_values import field_type
from decoders.lpp import BY_NAME
from decoders.readings import Reading, quantities
from decoders.refusals import Told
from decoders.table_fields import (
    LONGEST_PAYLOAD,
    Constant,
    Scale,
    TableField,
    TextForm,
    expected_value,
    layout_field,
    meaning,
)
from decoders.units import known_units

_MOST_BYTES_OF_WHOLE_NUMBERS: Final = 6
_SWITCHES = ("digital_input", "digital_output", "presence", "switch")
_AT_A_PLACE = ("size", "order", "signed", "float", "bit", "mask", "shift", "text")


def problems(kind: type[Reading], name: str, field: TableField) -> Iterator[Told]:
    """What is wrong with `field` as the kind's field `name`, with the rest of its key."""
    ways = [way for way in ("offset", "type", "value") if getattr(field, way) is not None]
    if len(ways) != 1:
        yield (), "expected one of offset, type and value"
    elif (field.type is None) != (field.channel is None):
        yield (), "expected channel and type together"
    elif field.value is not None:
        if not _holds(kind, name, field.value):
            yield ("value",), f"expected {expected_value(kind, name)}"
    else:
        yield from _place_problems(name, field)
        yield from _value_problems(kind, name, field)
        yield from _unit_problems(kind, name, field)


def _place_problems(name: str, field: TableField) -> Iterator[Told]:
    if field.type is not None:
        given = [key for key in _AT_A_PLACE if key in field.model_fields_set]
        if given:
            yield (given[0],), "expected nothing but values, faults and a scale beside channel and type"
        if field.item is None or field.item.parts > 1:
            single = [kind.name for kind in BY_NAME.values() if kind.parts == 1]
            yield ("type",), f"expected one of {', '.join(single)}, found {field.type!r}"
    elif field.bit is not None and (field.mask is not None or field.shift or field.float or field.signed):
        yield ("bit",), "expected neither mask nor shift nor sign nor float beside it"
    elif field.bit is not None and field.bit >= 8 * field.width:
        yield ("bit",), f"expected a number below {8 * field.width}, as the size is {field.width}"
    else:
        try:
            fields.Layout(LONGEST_PAYLOAD + 8, layout_field(name, field, Scale()))
        except ValueError as error:
            yield (), f"{error}"
    largest = 1 << 8 * (field.width if field.item is None else field.item.size)
    if any(not 0 <= int(raw, 0) < largest for raw in field.faults):
        yield ("faults",), f"expected raw numbers from 0 to {largest - 1}, as they stand in the payload, without a sign"


def _value_problems(kind: type[Reading], name: str, field: TableField) -> Iterator[Told]:
    expected = field_type(kind, name)
    wrong = [raw for raw, meant in field.values.items() if not _holds(kind, name, meant)]
    if wrong:
        yield ("values", wrong[0]), f"expected {expected_value(kind, name)}"
    if field.values and (field.scaled or field.unit is not None):
        yield ("values",), "expected no scale and no unit beside it; they are the field's own values"
    if field.text is not None and (expected is not str or field.values):
        yield ("text",), "expected it only for a text, and without values"
    if not field.values:
        if isinstance(expected, type) and issubclass(expected, StrEnum):
            yield ("values",), f"expected what each number means: {expected_value(kind, name)}"
        elif expected is bool and not _one_bit(field):
            yield (), "expected a bit, or values that say which numbers are true and false"
        elif expected is str and field.text is None:
            yield (), f"expected values, or text: {' or '.join(TextForm)}"
    if (expected is not float or field.values) and field.width > _MOST_BYTES_OF_WHOLE_NUMBERS and field.text is None:
        yield ("size",), f"expected at most {_MOST_BYTES_OF_WHOLE_NUMBERS} bytes for a whole number"


def _one_bit(field: TableField) -> bool:
    if field.type is not None:
        return field.type in _SWITCHES
    return field.bit is not None or (field.mask is not None and field.mask >> field.shift == 1)


def _unit_problems(kind: type[Reading], name: str, field: TableField) -> Iterator[Told]:
    canonical = quantities(kind)[name].unit
    for key in ("multiply", "divide"):
        if getattr(field, key) == 0:
            yield (key,), "expected a number other than 0"
    if field.unit is not None and field.unit not in known_units(canonical):
        units = ", ".join(known_units(canonical)) or "none: the field is no quantity"
        yield ("unit",), f"expected one of {units}, found {field.unit!r}"
    item = field.item
    unknown = item is not None and bool(item.unit) and bool(canonical) and item.unit not in known_units(canonical)
    if unknown and field.unit is None and not field.scaled and not field.values:
        yield ("type",), f"expected a {field.type} to be scaled by multiply, add or divide: it is no {canonical}"


def _holds(kind: type[Reading], name: str, value: Constant) -> bool:
    try:
        meaning(kind, name, value)
    except ValueError:
        return False
    return True
