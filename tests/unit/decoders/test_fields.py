"""Field tables: places, signs, scales and fault codes."""

import pytest

from decoders.errors import DecodeError, RejectReason
from decoders.fields import Field, Layout
from decoders.reader import ByteReader
from decoders.readings import QualityFlag

FAULTS = {0xFFFF: QualityFlag.SENSOR_FAULT, 0xFFFD: QualityFlag.OUT_OF_RANGE}


def values(layout: Layout, data: str) -> dict[str, float | None]:
    return layout.read(ByteReader(bytes.fromhex(data)))[0]


@pytest.mark.parametrize(
    ("field", "order", "data", "value"),
    [
        (Field("x", 0), "big", "07a5", 1957.0),
        (Field("x", 0), "little", "a507", 1957.0),
        (Field("x", 0, divide=100), "big", "07a5", 19.57),
        (Field("x", 1, 1), "big", "07a5", 165.0),
        (Field("x", 0, signed=True, divide=10), "big", "ff9c", -10.0),
        (Field("x", 0, 1, signed=True, add=20, divide=2), "big", "d800", -10.0),
        (Field("x", 0, mask=0x3FFF, divide=1000), "big", "ce29", 3.625),
        (Field("x", 0, 1, multiply=4, add=2500, divide=1000), "big", "d300", 3.344),
        (Field("x", 0, 2, signed=True, faults=FAULTS), "big", "fffe", -2.0),
    ],
)
def test_a_number_is_read_by_its_table_row(field: Field, order: str, data: str, value: float) -> None:
    assert values(Layout(2, field, order=order), data) == {"x": value}


@pytest.mark.parametrize("signed", [False, True])
def test_fault_codes_are_of_the_raw_value_whatever_its_sign(signed: bool) -> None:
    layout = Layout(4, Field("a", 0, signed=signed, faults=FAULTS), Field("b", 2, signed=signed, faults=FAULTS))
    measured, flags = layout.read(ByteReader(bytes.fromhex("fffffffd")))
    assert measured == {"a": None, "b": None}
    assert flags == QualityFlag.SENSOR_FAULT | QualityFlag.OUT_OF_RANGE


def test_a_block_is_consumed_whole_with_its_gaps() -> None:
    data = ByteReader(bytes(8))
    Layout(6, Field("a", 0, 1), Field("b", 4)).read(data)
    assert data.remaining == 2


def test_a_short_block_is_truncated() -> None:
    with pytest.raises(DecodeError) as refusal:
        values(Layout(4, Field("a", 0)), "0000")
    assert refusal.value.reason is RejectReason.TRUNCATED


@pytest.mark.parametrize("field", [Field("a", 1), Field("a", 0, 3), Field("a", -1, 1)])
def test_a_field_outside_its_block_is_refused_at_definition(field: Field) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Layout(2, field)
