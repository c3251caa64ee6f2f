"""Byte maps: what changes a value gives it, what changes the form steers, and nothing else is told."""

import pytest

from decoders.errors import DecodeError
from decoders.registry import Registry
from stadtfunk.kit.bytemap import map_bytes, spans
from stadtfunk.kit.vectors import uplink

from .devices import CHECKED, PROBES, WORDS


def gives(decoder, hex_, port=2):
    return [byte.gives for byte in map_bytes(decoder, uplink(bytes.fromhex(hex_), port))]


def steers(decoder, hex_, port=2):
    return [byte.offset for byte in map_bytes(decoder, uplink(bytes.fromhex(hex_), port)) if byte.steers]


def test_a_byte_gives_the_value_that_it_changes():
    payload = "0a8c 00ff 00 00"
    assert gives(WORDS, payload) == [
        *[("soil_moisture",)] * 2,
        *[("soil_temperature",)] * 2,
        (),
        (),
    ]


def test_a_byte_that_chooses_the_meaning_or_leads_to_a_refusal_steers():
    assert steers(WORDS, "0a8c 00ff 00 00") == [4]
    assert steers(WORDS, "0a8c 00ff 01 00") == [4]


def test_what_changes_nothing_is_silent_and_what_is_behind_the_end_is_unread():
    found = map_bytes(WORDS, uplink(bytes.fromhex("0a8c00ff0000aabb"), 2))
    assert [byte.offset for byte in found if byte.silent] == [5, 6, 7]
    assert [byte.offset for byte in found if byte.unread] == [6, 7]


def test_the_bytes_of_a_fault_code_give_the_value_that_is_missing():
    assert all("soil_moisture" in names for names in gives(WORDS, "ffff 00ff 00 00")[:2])


def test_a_value_out_of_range_shows_both_of_its_bytes():
    """0xfff0 is 655 %: None, whatever the lower byte; only beside a zero it shows."""
    assert gives(WORDS, "fff0 00ff 00 00")[:2] == [("soil_moisture",)] * 2


def test_values_of_several_readings_are_told_apart_by_the_number_of_the_reading():
    assert gives(PROBES, "0102") == [("soil_moisture[0]",), ("soil_moisture[1]",)]


def test_a_payload_under_a_check_is_refused_at_every_change():
    assert gives(CHECKED, "55aa") == [(), ()]
    assert steers(CHECKED, "55aa") == [0, 1]


def test_a_payload_that_is_refused_has_no_map():
    with pytest.raises(DecodeError):
        map_bytes(CHECKED, uplink(b"\x01\x01", 1))


@pytest.mark.parametrize(
    ("name", "port", "payload", "expected"),
    [
        ("dragino_lse01", 2, "0e1000d703e8099b00c810", {"soil_moisture": [4, 5], "battery_voltage": [0, 1]}),
        ("milesight_em500_smtc", 85, "017555 0367ceff 04ca8813", {"battery_level": [2], "soil_moisture": [9, 10]}),
        ("nwave_nps405", 2, "00d3d800590b", {"occupied": [0], "battery_voltage": [1], "device_temperature": [2]}),
    ],
)
def test_maps_of_real_devices_agree_with_their_layout(name, port, payload, expected):
    found = map_bytes(Registry.load().by_name(name), uplink(bytes.fromhex(payload), port))
    for field, offsets in expected.items():
        assert [byte.offset for byte in found if field in byte.gives] == offsets


@pytest.mark.parametrize(("offsets", "shown"), [([], ""), ([3], "3"), ([3, 4, 5, 10], "3-5, 10"), ([0, 2], "0, 2")])
def test_spans(offsets, shown):
    assert spans(offsets) == shown
