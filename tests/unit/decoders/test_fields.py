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
        (Field("x", 0, 2, order="little"), "big", "a507", 1957.0),
        (Field("x", 0, 1, mask=0xF0, shift=4), "big", "a300", 10.0),
        (Field("x", 0, 1, shift=6), "big", "c000", 3.0),
        (Field("x", 0, mask=0x0FFF, signed=True, divide=10), "big", "3fff", -0.1),
        (Field("x", 0, mask=0x0FFF, signed=True, divide=10), "big", "37ff", 204.7),
        (Field("x", 0, mask=0xFFF0, shift=4, signed=True), "big", "fff0", -1.0),
        (Field("x", 0, floating=True), "big", "3e00", 1.5),
    ],
)
def test_a_number_is_read_by_its_table_row(field: Field, order: str, data: str, value: float) -> None:
    assert values(Layout(2, field, order=order), data) == {"x": value}


@pytest.mark.parametrize(
    ("field", "data", "value"),
    [
        (Field("x", 0, 3), "01e240", 123456.0),
        (Field("x", 0, 3, signed=True), "fffffe", -2.0),
        (Field("x", 0, 3, signed=True, order="little"), "feffff", -2.0),
        (Field("x", 0, 6), "00000001e240", 123456.0),
        (Field("x", 0, 3, mask=0x00FF00, shift=8), "ff7bff", 123.0),
        (Field("x", 0, 4, floating=True), "41b40000", 22.5),
        (Field("x", 0, 4, floating=True, order="little", multiply=10), "0000b441", 225.0),
        (Field("x", 0, 8, floating=True), "4036800000000000", 22.5),
    ],
)
def test_numbers_of_odd_sizes_and_floats(field: Field, data: str, value: float) -> None:
    assert values(Layout(len(data) // 2, field), data) == {"x": value}


@pytest.mark.parametrize("data", ["7fc00000", "7f800000", "ff800000"], ids=["NaN", "infinity", "-infinity"])
def test_a_float_that_is_no_number_is_a_fault(data: str) -> None:
    layout = Layout(4, Field("x", 0, 4, floating=True))
    assert layout.read(ByteReader(bytes.fromhex(data))) == ({"x": None}, QualityFlag.SENSOR_FAULT)


def test_fault_codes_of_floats_and_bits_are_of_the_raw_value() -> None:
    known = {0xC61C3C00: QualityFlag.NO_SENSOR}
    layout = Layout(
        4, Field("x", 0, 4, floating=True, faults=known), Field("y", 0, 4, mask=1, signed=True, faults=known)
    )
    assert layout.read(ByteReader(bytes.fromhex("c61c3c00"))) == ({"x": None, "y": None}, QualityFlag.NO_SENSOR)


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


@pytest.mark.parametrize("field", [Field("a", 1), Field("a", 0, 3), Field("a", -1, 1), Field("a", 0, 0)])
def test_a_field_outside_its_block_is_refused_at_definition(field: Field) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Layout(2, field)


@pytest.mark.parametrize(
    "field",
    [
        Field("a", 0, 3, floating=True),
        Field("a", 0, 4, floating=True, mask=1),
        Field("a", 0, 1, mask=0x100),
        Field("a", 0, 1, mask=0),
        Field("a", 0, 1, shift=8),
        Field("a", 0, 1, shift=-1),
        Field("a", 0, 9),
    ],
)
def test_a_field_that_is_no_number_is_refused_at_definition(field: Field) -> None:
    with pytest.raises(ValueError, match="field a"):
        Layout(8, field)
