"""Which record becomes which field of a heat meter, and what errors become."""

import pytest

from decoders.heat import METER_ID, HeatTelegram, heat_field, meter_number
from decoders.mbus.records import records
from decoders.reader import ByteReader
from decoders.readings import QualityFlag

from .cases import uplink


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("0406", "energy"),
        ("3406", "energy"),
        ("0cfb08", "energy"),
        ("1406", None),
        ("4406", "energy_due_date"),
        ("7406", "energy_due_date"),
        ("840106", None),
        ("841006", "energy_tariff_1"),
        ("842006", "energy_tariff_2"),
        ("843006", "energy_tariff_3"),
        ("84801006", None),
        ("c41006", None),
        ("844006", None),
        ("0486ff02", "cooling_energy"),
        ("0486ff03", None),
        ("4486ff02", None),
        ("04863b", "energy"),
        ("44863b", "energy_due_date"),
        ("04863c", "cooling_energy"),
        ("44863c", None),
        ("04933c", None),
        ("0414", "volume"),
        ("4414", None),
        ("022d", "power"),
        ("122d", None),
        ("023b", "flow"),
        ("9b013b", None),
        ("025a", "flow_temperature"),
        ("125a", None),
        ("025e", "return_temperature"),
        ("0262", "temperature_difference"),
        ("02fd17", "error_code"),
        ("046d", "meter_time"),
        ("446d", None),
        ("0c78", METER_ID),
        ("0779", METER_ID),
        ("0422", None),
    ],
)
def test_only_current_values_and_known_registers_are_fields(header: str, field: str | None) -> None:
    assert heat_field(bytes.fromhex(header)) == field


@pytest.mark.parametrize(
    ("record", "number"),
    [
        ("0c78 17163271", "71321617"),
        ("0c78 57268000", "00802657"),
        ("0478 d1484004", "71321809"),
        ("0779 82253269 a511 4004", "69322582"),
        ("0779 8a253269 a511 4004", ""),
        ("0d78 08 37 36 35 34 33 32 31 41", "A1234567"),
        ("0d78 02 00 20", ""),
        ("0d78 02 ff ff", ""),
        ("0c78 1a163271", ""),
    ],
)
def test_meter_numbers_are_text_as_printed_on_the_meter(record: str, number: str) -> None:
    [parsed] = records(ByteReader(bytes.fromhex(record)))
    assert meter_number(parsed) == number


def telegram(text: str) -> HeatTelegram:
    collected = HeatTelegram()
    for record in records(ByteReader(bytes.fromhex(text))):
        collected.add(record)
    return collected


def test_the_first_record_of_a_field_wins_and_the_fabrication_number_goes_before_the_address() -> None:
    both = telegram("0406 01000000 0406 02000000 0779 82253269 a511 4004 0c78 17163271")
    assert both.values == {"energy": 1.0}
    assert both.subject == "71321617"
    assert both.flags == QualityFlag(0)


def test_values_in_error_state_are_none_and_flagged() -> None:
    failed = telegram("3406 01000000 3c78 17163271 046d 80131837 0c14 0000000a")
    assert failed.values == {"energy": None, "meter_time": None, "volume": None}
    assert failed.subject == ""
    assert failed.flags == QualityFlag.METER_ERROR | QualityFlag.CLOCK | QualityFlag.SENSOR_FAULT


def test_error_state_of_a_record_without_field_says_nothing() -> None:
    assert telegram("3422 10000000").flags == QualityFlag(0)


@pytest.mark.parametrize("record", ["0dfd17 0241 41", "0c fd17 000000f1", "07fd17 ffffffffffffffff", "0d06 0141"])
def test_a_value_that_no_column_holds_is_a_fault(record: str) -> None:
    assert telegram(record).flags == QualityFlag.SENSOR_FAULT


def test_the_reading_belongs_to_the_meter() -> None:
    reading = telegram("0406 01000000 0c78 17163271").reading(uplink(b"", 2))
    assert (reading.device, reading.subject, reading.energy) == ("70b3d57ed0000001", "71321617", 1.0)
