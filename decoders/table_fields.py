"""One field of a field table: how it is written in a configuration, what can be wrong with it, and what it becomes.

A number is read, cut to its bits and scaled by `decoders.fields`; here it becomes a value of the type that the field of
the reading has: a number, a switch, a word, a time or a text.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from math import isfinite, lcm
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from decoders import fields
from decoders.json_values import field_type
from decoders.lpp import BY_NAME, ItemType
from decoders.readings import QualityFlag, Reading, quantities
from decoders.units import SAME, conversion

LONGEST_PAYLOAD: Final = 242
_LARGEST_FACTOR = 1e12
_LARGEST = (1 << 63) - 1
_LAST_SECOND = 1 << 32

Offset = Annotated[int, Field(ge=0, lt=LONGEST_PAYLOAD)]
Factor = Annotated[float, Field(ge=-_LARGEST_FACTOR, le=_LARGEST_FACTOR, allow_inf_nan=False)]
Constant = bool | int | float | str


class ByteOrder(StrEnum):
    """Which byte of a number comes first: the highest (`big`) or the lowest."""

    BIG = "big"
    LITTLE = "little"


class TextForm(StrEnum):
    """How bytes are a text: `1.2.255`, `0102ff`, or a whole number in decimals."""

    DOTTED = "dotted"
    HEX = "hex"
    NUMBER = "number"


def _number(text: str) -> str:
    try:
        int(text, 0)
    except ValueError:
        raise ValueError("expected a whole number, in decimals or as 0x…") from None
    return text


def _flag(text: str) -> str:
    if text.upper() not in QualityFlag.__members__:
        raise ValueError(f"expected one of {', '.join(QualityFlag.__members__).lower()}")
    return text.upper()


Number = Annotated[str, AfterValidator(_number)]
"""A whole number as a key: `3` or `0x03`."""
FlagName = Annotated[str, AfterValidator(_flag)]


class TableField(BaseModel):
    """One field of a reading: where its number stands and how it becomes a value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset: Offset | None = Field(default=None, description="first byte of the number")
    size: int | None = Field(default=None, ge=1, le=8, description="bytes of the number; default: 2, of a bit 1")
    order: ByteOrder | None = Field(default=None, description="byte order; default: the table's")
    signed: bool = Field(default=False, description="two's complement, in the width of the mask if there is one")
    float: bool = Field(default=False, description="IEEE 754; `size` is 2, 4 or 8")
    bit: int | None = Field(default=None, ge=0, le=63, description="number of a bit, 0 the lowest")
    mask: int | None = Field(default=None, ge=1, description="bits that belong to the number")
    shift: int = Field(default=0, ge=0, le=63, description="how far they are moved down, after the mask")
    multiply: Factor | None = Field(default=None, description="factor, applied first")
    add: Factor | None = Field(default=None, description="summand, second")
    divide: Factor | None = Field(default=None, description="divisor, last")
    unit: str | None = Field(default=None, description="unit of the result, where it is not the field's own")
    faults: dict[Number, FlagName] = Field(
        default_factory=dict, description="raw number: flag that it raises instead of being a value"
    )
    values: dict[Number, Constant] = Field(default_factory=dict, description="number: what it means")
    text: TextForm | None = Field(default=None, description="for texts: how the bytes are read")
    value: Constant | None = Field(default=None, description="always this value; nothing is read")
    channel: int | None = Field(default=None, ge=0, le=255, description="`cayenne_lpp`: channel of the item")
    type: str | None = Field(default=None, description="`cayenne_lpp`: type of the item, e.g. `temperature`")

    @property
    def width(self) -> int:
        """Bytes of the number."""
        return self.size or (1 if self.bit is not None and self.bit < 8 else 2)

    @property
    def scaled(self) -> bool:
        """It says itself how its number is scaled."""
        return any(number is not None for number in (self.multiply, self.add, self.divide))

    @property
    def item(self) -> ItemType | None:
        """The type of a Cayenne LPP item."""
        return None if self.type is None else BY_NAME.get(self.type)


class Scale(NamedTuple):
    """`(number * multiply + add) / divide`, in whole numbers."""

    multiply: int = 1
    add: int = 0
    divide: int = 1

    def __call__(self, number: float) -> float:
        """The scaled number."""
        return (number * self.multiply + self.add) / self.divide


def meaning(kind: type[Reading], name: str, value: Constant) -> object:
    """A value of the configuration as one of the field's type.

    Raises:
        ValueError: the field cannot hold it.
    """
    expected = field_type(kind, name)
    if isinstance(expected, type) and issubclass(expected, StrEnum):
        return expected(str(value))
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if expected is float and number and isfinite(float(value)):
        return float(value)
    if expected is str and isinstance(value, str) and len(value) <= 64 and value.isprintable():
        return value
    if expected in (bool, int) and type(value) is expected and abs(int(value)) <= _LARGEST:
        return value
    raise ValueError(expected_value(kind, name))


def expected_value(kind: type[Reading], name: str) -> str:
    """What the field can hold, for people."""
    expected = field_type(kind, name)
    if isinstance(expected, type) and issubclass(expected, StrEnum):
        return " or ".join(expected)
    names: dict[object, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a short text"}
    return names.get(expected, "no constant: the field is a time")


def scale_of(kind: type[Reading], name: str, field: TableField) -> Scale:
    """The field's whole scale, with the conversion of units and that of the item's type, as whole numbers."""
    if field.values:
        return Scale()
    multiply, add, divide = (
        Fraction(str(default if number is None else number))
        for number, default in ((field.multiply, 1), (field.add, 0), (field.divide, 1))
    )
    unit = field.unit
    if field.item is not None:
        divide *= field.item.divide
        add *= field.item.divide  # what is added is added to the item's value
        unit = unit if field.scaled or unit is not None else field.item.unit or None
    canonical = quantities(kind)[name].unit
    converted = SAME if unit is None or not canonical else conversion(unit, canonical)
    factor, summand, divisor = (Fraction(str(number)) for number in converted)
    multiply, add, divide = multiply * factor, add * factor + summand * divide, divide * divisor
    whole = lcm(multiply.denominator, add.denominator, divide.denominator)
    return Scale(int(multiply * whole), int(add * whole), int(divide * whole))


def layout_field(name: str, field: TableField, scale: Scale) -> fields.Field:
    """The field as `decoders.fields` reads it."""
    bit = field.bit
    return fields.Field(
        name,
        field.offset or 0,
        field.width,
        signed=field.signed,
        mask=field.mask if bit is None else 1 << bit,
        shift=field.shift if bit is None else bit,
        multiply=scale.multiply,
        add=scale.add,
        divide=scale.divide,
        faults=fault_codes(field),
        floating=field.float,
        order=field.order,
    )


def fault_codes(field: TableField) -> dict[int, QualityFlag]:
    """Flags by raw number."""
    return {int(raw, 0): QualityFlag[flag] for raw, flag in field.faults.items()}


Convert = Callable[[float], object]
"""From a scaled number to a value of the field; None where the number means nothing."""


def converter(kind: type[Reading], name: str, field: TableField) -> Convert | None:
    """How the field's scaled number becomes its value; None where it is the value."""
    if field.values:
        known = {int(raw, 0): meaning(kind, name, meant) for raw, meant in field.values.items()}
        return lambda number: known.get(int(number)) if isfinite(number) else None
    by_type: dict[object, Convert] = {int: _whole, bool: bool, datetime: _time}
    return by_type.get(field_type(kind, name))


def _whole(number: float) -> int | None:
    return round(number) if abs(number) <= _LARGEST else None


def _time(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if 0 <= seconds < _LAST_SECOND else None


def text_reader(offset: int, size: int, form: TextForm, order: str) -> Callable[[bytes], str]:
    """Reads a text out of a block."""
    place = slice(offset, offset + size)

    def ordered(block: bytes) -> bytes:
        return block[place] if order == ByteOrder.BIG else block[place][::-1]

    if form is TextForm.HEX:
        return lambda block: ordered(block).hex()
    if form is TextForm.NUMBER:
        return lambda block: str(int.from_bytes(ordered(block), "big"))
    return lambda block: ".".join(map(str, ordered(block)))
