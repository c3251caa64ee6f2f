"""Declarative field tables for payloads of fixed layout: offset, size, sign, scale and fault codes of every number.

    SOIL = Layout(6, Field("soil_moisture", 0, divide=100), Field("soil_temperature", 2, signed=True, divide=100))
    values, flags = SOIL.read(data)

A value is `(raw * multiply + add) / divide`, in the unit of the reading's field: whole numbers and one division, so
that 1957 / 100 is 19.57 and not 19.570000000000004.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from struct import Struct

from decoders.reader import ByteReader
from decoders.readings import QualityFlag

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


@dataclass(frozen=True, slots=True)
class Field:
    """One number of a fixed layout.

    Attributes:
        name: field of the reading kind.
        offset, size: place in bytes; `size` is 1, 2, 4 or 8.
        signed: two's complement.
        mask: bits that belong to the number.
        multiply, add, divide: scale, see the module.
        faults: raw values as they stand in the data sheet (unsigned, unmasked) that are no measurement, and what
            they mean. The value becomes None.
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


class Layout:
    """Fields of one block of `size` bytes. Fields may share bytes; gaps are skipped.

    Raises:
        ValueError: a field that reaches past the block or has a size that no integer has.
    """

    def __init__(self, size: int, *fields: Field, order: str = "big") -> None:
        for one in fields:
            if one.size not in _CODES or not 0 <= one.offset <= size - one.size:
                raise ValueError(f"field {one.name} does not fit into {size} bytes")
        self.size = size
        self.fields = fields
        self._numbers = [(one, _unpacker(one, order), _as_read(one)) for one in fields]

    def read(self, data: ByteReader) -> tuple[dict[str, float | None], QualityFlag]:
        """The next block's values by field name, and the flags that its fault codes raise.

        Raises:
            DecodeError: TRUNCATED.
        """
        block = data.take(self.size)
        values: dict[str, float | None] = {}
        flags = _NO_FLAGS
        for one, unpack, faults in self._numbers:
            [raw] = unpack(block)
            if raw in faults:
                values[one.name] = None
                flags |= faults[raw]
                continue
            if one.mask is not None:
                raw &= one.mask
            values[one.name] = (raw * one.multiply + one.add) / one.divide
        return values, flags


def _unpacker(one: Field, order: str) -> Callable[[bytes], tuple[int, ...]]:
    """Reads the field's raw number out of a block."""
    code = _CODES[one.size]
    sign = "<" if order == "little" else ">"
    return Struct(f"{sign}{one.offset}x{code.lower() if one.signed else code}").unpack_from


def _as_read(one: Field) -> dict[int, QualityFlag]:
    """The field's fault codes as `_unpacker` reads them: with the sign of the field."""
    half = 1 << (8 * one.size - 1)
    return {code - 2 * half if one.signed and code >= half else code: flags for code, flags in one.faults.items()}


_NO_FLAGS = QualityFlag(0)
