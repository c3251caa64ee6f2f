"""Telegrams of real meters: our readings against what wmbusmeters prints for them, for every value that both have."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from decoders.errors import DecodeError, RejectReason
from decoders.keys import NO_KEYS
from decoders.reader import ByteReader
from decoders.readings import HeatMeter
from decoders.wmbus.heat import heat_reading
from decoders.wmbus.telegram import open_telegram

from ..cases import uplink

TELEGRAMS = json.loads((Path(__file__).parent / "telegrams.json").read_text())
HEAT_OR_COLD = "heat"
"""Begins their name of every medium that is ours; a heat cost allocator's begins so, too."""

OURS = {
    "energy": (
        "total_energy_consumption_kwh", "total_energy_kwh", "total_heating_kwh", "total_heat_energy_kwh", "total_kwh",
        "heat_kwh",
    ),
    "cooling_energy": ("total_cooling_energy_kwh", "total_energy_backward_kwh"),
    "energy_tariff_1": ("total_energy_consumption_tariff1_kwh", "total_cooling_consumption_kwh"),
    "volume": ("total_volume_m3", "total_m3", "total_heating_m3", "volume_m3", "total_water_m3"),
    "power": ("power_kw", "current_power_kw"),
    "flow": ("volume_flow_m3h", "flow_m3h", "current_volume_flow_m3h", "flow_water_m3h"),
    "flow_temperature": ("flow_temperature_c", "t1_temperature_c", "supply_temperature_c", "forward_c", "flow_c"),
    "return_temperature": ("return_temperature_c", "t2_temperature_c", "return_c"),
    "temperature_difference": (
        "flow_return_temperature_difference_c", "temperature_difference_c", "difference_c",
    ),
    "meter_time": ("meter_datetime", "device_datetime"),
}  # fmt: skip
"""What wmbusmeters calls our fields, in whatever driver."""

DUE_DATE = {
    "enercal": "target_kwh", "istaheat": "last_year_kwh", "itronheat": "last_year_kwh", "kamheat": "target_energy_kwh",
    "qheat5us": "target_kwh", "qheat_55_us": "key_datetime_kwh", "qheatv2": "target_year_kwh",
    "sensostar": "target_kwh", "sharky774": "energy_at_set_date_kwh", "ultraheat": "target_kwh",
    "vario451mid": "energy_at_old_date_kwh", "compact5": "previous_kwh",
}  # fmt: skip
"""What each driver calls the energy of storage 1."""


def named(name: str) -> dict:
    return next(telegram for telegram in TELEGRAMS if telegram["name"] == name)


def decoded(telegram: dict) -> HeatMeter:
    frame = bytes.fromhex(telegram["frame"])
    data = ByteReader(frame)
    [reading] = heat_reading(uplink(frame, 1), open_telegram(frame, NO_KEYS), data)
    assert not data.warnings
    return reading


def is_heat(telegram: dict) -> bool:
    medium = telegram["expected"]["media"]
    return telegram["expected"]["meter"] == "qheatv2" or (
        medium.startswith(HEAT_OR_COLD) and medium != "heat cost allocation"
    )


HEAT = [telegram for telegram in TELEGRAMS if is_heat(telegram)]
OTHERS = [telegram for telegram in TELEGRAMS if not is_heat(telegram)]


@pytest.mark.parametrize("telegram", HEAT, ids=lambda telegram: telegram["name"])
def test_heat_telegram_gives_the_values_that_wmbusmeters_prints(telegram: dict) -> None:
    reading, theirs = decoded(telegram), telegram["expected"]
    assert reading.subject[3:] == theirs["id"]
    expected = {ours: theirs[name] for ours, names in OURS.items() for name in names if name in theirs}
    due = theirs.get(DUE_DATE.get(theirs["meter"], ""))
    if due is not None:
        expected["energy_due_date"] = due
    assert "energy" in expected
    found = {name: getattr(reading, name) for name in expected}
    if "meter_time" in expected:
        assert isinstance(reading.meter_time, datetime)
        assert f"{reading.meter_time:%Y-%m-%d %H:%M:%S}".startswith(expected.pop("meter_time"))
        del found["meter_time"]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("telegram", OTHERS, ids=lambda telegram: telegram["name"])
def test_a_telegram_of_another_meter_is_no_heat_reading(telegram: dict) -> None:
    with pytest.raises(DecodeError) as refusal:
        decoded(telegram)
    assert refusal.value.reason is RejectReason.WRONG_MEDIUM


def test_every_telegram_opens_and_names_its_meter() -> None:
    for telegram in TELEGRAMS:
        assert open_telegram(bytes.fromhex(telegram["frame"]), NO_KEYS).address.number == telegram["expected"]["id"]


def test_the_file_has_heat_and_other_meters() -> None:
    assert (len(HEAT), len(OTHERS)) == (46, 16)


def test_wired_frames_have_a_checksum() -> None:
    frame = bytearray.fromhex(named("elf2_1")["frame"])
    frame[30] ^= 1
    with pytest.raises(DecodeError) as refusal:
        open_telegram(bytes(frame), NO_KEYS)
    assert refusal.value.reason is RejectReason.INVALID_PAYLOAD
