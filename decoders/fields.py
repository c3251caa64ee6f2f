"""Declarative field tables for payloads of fixed layout: offset, size, sign, scale and fault codes of every number.

    SOIL = Layout(6, Field("soil_moisture", 0, divide=100), Field("soil_temperature", 2, signed=True, divide=100))
    values, flags = SOIL.read(data)

A value is `(raw * multiply + add) / divide`, in the unit of the reading's field: whole numbers and one division, so
that 1957 / 100 is 19.57 and not 19.570000000000004.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from struct import Struct

from decoders.reader import ByteReader
from decoders.readings import QualityFlag

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_FLOAT_CODES = {2: "e", 4: "f", 8: "d"}
_MOST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Field:
    """One number of a fixed layout.

    Attributes:
        name: field of the reading kind.
        offset, size: place in bytes; `size` is 1 to 8.
        signed: two's complement; of a number with a mask, in the width of the mask.
        mask: bits of the raw value that belong to the number.
        shift: how far they are moved down, after the mask.
        multiply, add, divide: scale, see the module.
        faults: raw values as they stand in the data sheet (unsigned, unmasked) that are no measurement, and what
            they mean. The value becomes None.
        floating: IEEE 754 of 2, 4 or 8 bytes; NaN and infinity are sensor faults.
        order: `big` or `little`; None: the order of the layout.
    """

    name: str
    offset: int
    size: int = 2
    signed: bool = False
    mask: int | None = None
    multiply: int = 1
    add: int = 0
    divide: int = 1
    faults: Mapping[int, QualityFlag] = field(default_factory=dict)
    shift: int = 0
    floating: bool = False
    order: str | None = None


class Layout:
    """Fields of one block of `size` bytes. Fields may share bytes; gaps are skipped.

    Raises:
        ValueError: a field that reaches past the block, or that no number can have.
    """

    def __init__(self, size: int, *fields: Field, order: str = "big") -> None:
        for one in fields:
            _check(one, size)
        self.size = size
        self.fields = fields
        self._numbers = [(one, _unpacker(one, order), _as_read(one), _finisher(one)) for one in fields]

    def read(self, data: ByteReader) -> tuple[dict[str, float | None], QualityFlag]:
        """The next block's values by field name, and the flags that its fault codes raise.

        Raises:
            DecodeError: TRUNCATED.
        """
        return self.values(data.take(self.size))

    def values(self, block: bytes) -> tuple[dict[str, float | None], QualityFlag]:
        """The same of a block of at least `size` bytes that was taken already."""
        values: dict[str, float | None] = {}
        flags = _NO_FLAGS
        for one, unpack, faults, finish in self._numbers:
            [raw] = unpack(block)
            if raw in faults:
                values[one.name] = None
                flags |= faults[raw]
                continue
            number = raw if finish is None else finish(raw)
            if number is None:
                values[one.name] = None
                flags |= _FAULT
            else:
                values[one.name] = (number * one.multiply + one.add) / one.divide
        return values, flags


def _check(one: Field, size: int) -> None:
    if not 1 <= one.size <= _MOST_BYTES or not 0 <= one.offset <= size - one.size:
        raise ValueError(f"field {one.name} does not fit into {size} bytes")
    if one.floating and (one.size not in _FLOAT_CODES or one.mask is not None or one.shift or one.signed):
        raise ValueError(f"field {one.name}: a float has 2, 4 or 8 bytes and neither mask nor shift nor sign")
    if one.mask is not None and not 0 < one.mask < 1 << 8 * one.size:
        raise ValueError(f"field {one.name}: the mask does not fit into {one.size} bytes")
    if not 0 <= one.shift < 8 * one.size:
        raise ValueError(f"field {one.name}: nothing is left after the shift")


def _unpacker(one: Field, order: str) -> Callable[[bytes], tuple[int, ...]]:
    """Reads the field's raw number out of a block; bits and floats as unsigned."""
    order = one.order or order
    signed = one.signed and not _has_bits(one)
    if one.size in _CODES:
        code = _CODES[one.size]
        sign = "<" if order == "little" else ">"
        return Struct(f"{sign}{one.offset}x{code.lower() if signed else code}").unpack_from
    place = slice(one.offset, one.offset + one.size)
    if order == "little":
        return lambda block: (int.from_bytes(block[place], "little", signed=signed),)
    return lambda block: (int.from_bytes(block[place], "big", signed=signed),)


def _has_bits(one: Field) -> bool:
    return one.mask is not None or one.shift > 0


def _as_read(one: Field) -> dict[int, QualityFlag]:
    """The field's fault codes as `_unpacker` reads them: with the sign of the field."""
    half = 1 << (8 * one.size - 1)
    signed = one.signed and not _has_bits(one)
    return {code - 2 * half if signed and code >= half else code: flags for code, flags in one.faults.items()}


def _finisher(one: Field) -> Callable[[int], float | None] | None:
    """What is done with the raw number of a float or of bits; None where it is the number already."""
    if one.floating:
        return _as_float(one.size)
    if not _has_bits(one):
        return None
    mask = (1 << 8 * one.size) - 1 if one.mask is None else one.mask
    shift = one.shift
    sign = 1 << max(0, (mask >> shift).bit_length() - 1)
    if one.signed:
        return lambda raw: (((raw & mask) >> shift) ^ sign) - sign
    return lambda raw: (raw & mask) >> shift


def _as_float(size: int) -> Callable[[int], float | None]:
    number, bits = Struct(f">{_FLOAT_CODES[size]}"), Struct(f">{_CODES[size]}")

    def as_float(raw: int) -> float | None:
        [value] = number.unpack(bits.pack(raw))
        return value if isfinite(value) else None

    return as_float


_NO_FLAGS = QualityFlag(0)
_FAULT = QualityFlag.SENSOR_FAULT
