"""Headers, scales and the less usual kinds of records."""

import pytest

from decoders.errors import DecodeError, RejectReason
from decoders.mbus.header import Function, parse_header
from decoders.mbus.records import Record, records
from decoders.mbus.vif import Measure
from decoders.reader import ByteReader


def read(text: str) -> list[Record]:
    return list(records(ByteReader(bytes.fromhex(text))))


@pytest.mark.parametrize(
    ("header", "function", "storage", "tariff", "subunit"),
    [
        ("0406", Function.INSTANTANEOUS, 0, 0, 0),
        ("1406", Function.MAXIMUM, 0, 0, 0),
        ("2406", Function.MINIMUM, 0, 0, 0),
        ("7c06", Function.ERROR, 1, 0, 0),
        ("841006", Function.INSTANTANEOUS, 0, 1, 0),
        ("843006", Function.INSTANTANEOUS, 0, 3, 0),
        ("844014", Function.INSTANTANEOUS, 0, 0, 1),
        ("84804014", Function.INSTANTANEOUS, 0, 0, 2),
        ("840a06", Function.INSTANTANEOUS, 20, 0, 0),
        ("841a06", Function.INSTANTANEOUS, 20, 1, 0),
        ("8c0106", Function.INSTANTANEOUS, 2, 0, 0),
        ("9b013b", Function.MAXIMUM, 2, 0, 0),
        ("b40106", Function.ERROR, 2, 0, 0),
        ("c4850106", Function.INSTANTANEOUS, 1 + (5 << 1) + (1 << 5), 0, 0),
    ],
)
def test_data_information_says_which_register(
    header: str, function: Function, storage: int, tariff: int, subunit: int
) -> None:
    parsed = parse_header(bytes.fromhex(header))
    assert (parsed.function, parsed.storage, parsed.tariff, parsed.subunit) == (function, storage, tariff, subunit)


@pytest.mark.parametrize(
    ("vif", "measure", "value"),
    [
        ("03", Measure.ENERGY, 0.001),
        ("06", Measure.ENERGY, 1),
        ("07", Measure.ENERGY, 10),
        ("08", Measure.ENERGY, 1 / 3_600_000),
        ("0e", Measure.ENERGY, 1 / 3.6),
        ("0f", Measure.ENERGY, 10 / 3.6),
        ("fb00", Measure.ENERGY, 100),
        ("fb01", Measure.ENERGY, 1000),
        ("fb08", Measure.ENERGY, 100 / 3.6),
        ("fb09", Measure.ENERGY, 1000 / 3.6),
        ("fb0d", Measure.ENERGY, 1.163),
        ("fb0f", Measure.ENERGY, 116.3),
        ("13", Measure.VOLUME, 0.001),
        ("16", Measure.VOLUME, 1),
        ("fb10", Measure.VOLUME, 100),
        ("2b", Measure.POWER, 0.001),
        ("2f", Measure.POWER, 10),
        ("36", Measure.POWER, 1 / 3.6),
        ("fb28", Measure.POWER, 100),
        ("3b", Measure.VOLUME_FLOW, 0.001),
        ("3e", Measure.VOLUME_FLOW, 1),
        ("44", Measure.VOLUME_FLOW, 0.06),
        ("4c", Measure.VOLUME_FLOW, 0.036),
        ("58", Measure.FLOW_TEMPERATURE, 0.001),
        ("5f", Measure.RETURN_TEMPERATURE, 1),
        ("61", Measure.TEMPERATURE_DIFFERENCE, 0.01),
        ("22", Measure.ON_TIME, 3600),
        ("27", Measure.OPERATING_TIME, 86_400),
        ("fd74", Measure.REMAINING_BATTERY, 86_400),
        ("fd17", Measure.ERROR_FLAGS, 1),
        ("fd7f", Measure.OTHER, 1),
        ("6f", Measure.OTHER, 1),
    ],
)
def test_value_information_leads_to_our_unit(vif: str, measure: Measure, value: float) -> None:
    [record] = read(f"01{vif}01")
    assert record.header.vif.measure is measure
    assert record.value == pytest.approx(value, rel=1e-12)


def test_extensions_scale_the_value() -> None:
    assert [record.value for record in read("01867301 01867001 01867d01")] == [0.001, 1e-6, 1000.0]


def test_cooling_energy_carries_an_extension_of_the_manufacturer() -> None:
    [cooling] = read("0186ff0201")
    assert cooling.header.manufacturer == b"\x02"
    assert not cooling.header.current


def test_modifiers_are_kept_and_not_taken_for_the_plain_quantity() -> None:
    [record] = read("01863c05")
    assert record.header.modifiers == (0x3C,)
    assert not record.header.current


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("0d780431323334", "4321"),
        ("0d06c3785634", 345678.0),
        ("0d06d105", -5.0),
        ("0d06e2ffff", -1.0),
        ("0d06f40000c03f", 1.5),
        ("0d931303aabbcc", None),
    ],
)
def test_variable_length_says_kind_and_size(data: str, value: object) -> None:
    assert read(data)[0].value == value


def test_plain_text_units_stand_between_vif_and_extensions() -> None:
    [record] = read("02 fc 03 48 52 25 74 d411")
    assert record.header.vif.measure is Measure.PLAIN_TEXT
    assert record.value == 0x11D4


def test_fillers_are_skipped_and_manufacturer_data_end_the_telegram() -> None:
    energy, rest = read("2f2f 0106 05 2f 0f 0106 07")
    assert energy.value == 5
    assert rest.header.vif.measure is Measure.MANUFACTURER_SPECIFIC
    assert rest.data == bytes.fromhex("010607")


def test_records_without_data_have_no_value() -> None:
    none, selection = read("0006 0806")
    assert none.value is None
    assert selection.value is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("01", RejectReason.TRUNCATED),
        ("0186", RejectReason.TRUNCATED),
        ("0106", RejectReason.TRUNCATED),
        ("0d06c3", RejectReason.TRUNCATED),
        ("02fc0348", RejectReason.TRUNCATED),
        ("3f0601", RejectReason.INVALID_PAYLOAD),
        ("7f", RejectReason.TRUNCATED),
        ("7f06", RejectReason.INVALID_PAYLOAD),
        ("0d06fb", RejectReason.INVALID_PAYLOAD),
        ("01" + "86" * 12 + "01", RejectReason.INVALID_PAYLOAD),
        ("84" * 12 + "0601", RejectReason.INVALID_PAYLOAD),
    ],
)
def test_what_the_standard_reserves_is_refused(data: str, reason: RejectReason) -> None:
    with pytest.raises(DecodeError) as refusal:
        read(data)
    assert refusal.value.reason is reason
