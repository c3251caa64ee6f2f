"""From a codec's result to readings by a configured map: fields, units, faults, times, lists, and odd results."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from decoders.codec_readings import CodecReadings
from decoders.codec_settings import ReadingSettings
from decoders.reader import ByteReader
from decoders.readings import BayEvent, QualityFlag
from decoders.uplink import Uplink

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
UPLINK = Uplink("city", "0123456789abcdef", 1, 2, b"\x01", ns_time=AT, received_at=AT)


def read(result, *readings):
    """Readings and warnings of `result` by the map."""
    notes = ByteReader(b"")
    found = CodecReadings([ReadingSettings.model_validate(one) for one in readings])(UPLINK, result, notes)
    return found, notes.warnings


def values(result, fields, kind="tree_moisture"):
    """The fields of the one reading that `fields` give."""
    [reading], warnings = read(result, {"kind": kind, "fields": fields})
    return reading.model_dump(include=set(fields)), reading.flags, warnings


def test_fields_by_path_unit_and_scale():
    found, flags, warnings = values(
        {"soil": {"moisture": 0.314, "ec": 0.5, "t": 59}, "mv": 412},
        {
            "soil_moisture": {"path": "soil.moisture", "unit": "m3/m3"},
            "conductivity": {"path": "soil.ec", "unit": "dS/m"},
            "soil_temperature": {"path": "soil.t", "unit": "°F"},
            "permittivity": {"path": "mv", "multiply": 2, "add": -24, "divide": 100},
        },
    )
    assert found == {"soil_moisture": 31.4, "conductivity": 500, "soil_temperature": 15, "permittivity": 8}
    assert (flags, warnings) == (0, [])


def test_a_path_alone_is_a_field():
    assert values({"m": 12}, {"soil_moisture": "m"})[0] == {"soil_moisture": 12.0}


def test_a_missing_path_leaves_the_field_out_and_null_is_no_value():
    [reading], warnings = read(
        {"m": None}, {"kind": "tree_moisture", "fields": {"soil_moisture": "m", "soil_temperature": "t"}}
    )
    assert reading.model_fields_set & {"soil_moisture", "soil_temperature"} == {"soil_moisture"}
    assert (reading.soil_moisture, warnings) == (None, [])


def test_without_any_field_there_is_no_reading():
    assert read({"other": 1}, {"kind": "tree_moisture", "fields": {"soil_moisture": "m"}}) == ([], [])


@pytest.mark.parametrize("wrong", ["wet", True, {}, [], "31.4 %", "0x1f", "1e999", 10**400, math.nan, math.inf])
def test_a_wrong_type_is_no_value_and_a_warning_that_does_not_show_it(wrong):
    found, flags, [warning] = values({"m": wrong, "t": 3}, {"soil_moisture": "m", "soil_temperature": "t"})
    assert found == {"soil_moisture": None, "soil_temperature": 3.0}
    assert flags == 0
    assert warning == "m: no value for soil_moisture"


@pytest.mark.parametrize("text", ["31.42", " 31.42", "3142e-2", "+31.42"])
def test_numbers_that_vendors_write_as_text(text):
    assert values({"m": text}, {"soil_moisture": "m"})[0] == {"soil_moisture": 31.42}


@pytest.mark.parametrize("said", [-999, -999.0, "error", None])
def test_a_fault_value_is_no_value_and_a_flag(said):
    field = {"path": "m", "faults": [-999, "error", "null"]}
    assert values({"m": said}, {"soil_moisture": field})[:2] == ({"soil_moisture": None}, QualityFlag.SENSOR_FAULT)


def test_what_is_out_of_range_is_flagged_as_everywhere():
    assert values({"m": 1000}, {"soil_moisture": "m"})[:2] == ({"soil_moisture": None}, QualityFlag.OUT_OF_RANGE)


@pytest.mark.parametrize(
    ("said", "meant"), [("occupied", True), ("free", False), (1, True), (1.0, True), (False, False), ("broken", None)]
)
def test_words_of_the_codec_have_a_meaning(said, meant):
    field = {"path": "s", "values": {"occupied": True, "free": False, "1": True, "false": False}}
    found, _, warnings = values({"s": said}, {"occupied": field}, kind="parking_bay")
    assert found == {"occupied": meant}
    assert bool(warnings) is (meant is None)


def test_a_start_up_frame_is_no_sighting():
    fields = {"occupied": "o", "event": {"path": "type", "values": {"boot": "startup"}}}
    found, flags, _ = values({"o": 1, "type": "boot"}, fields, kind="parking_bay")
    assert found == {"occupied": None, "event": BayEvent.STARTUP}
    assert flags == QualityFlag.STARTUP


def test_whole_numbers_and_texts():
    fields = {"firmware": "fw", "reset_cause": "why", "battery_level": "level"}
    assert values({"fw": 1.2, "why": "power on", "level": 88}, fields, kind="device_health")[0] == {
        "firmware": "1.2",
        "reset_cause": "power on",
        "battery_level": 88.0,
    }
    assert values({"n": 41.0}, {"entered": "n"}, kind="people_count")[0] == {"entered": 41}
    assert values({"n": 41.5}, {"entered": "n"}, kind="people_count")[0] == {"entered": None}
    assert values({"n": 2**63}, {"entered": "n"}, kind="people_count")[0] == {"entered": None}


@pytest.mark.parametrize("text", ["two\nlines", "nul\0", "x" * 65, ["list"]])
def test_a_text_that_a_column_should_not_hold_is_no_value(text):
    assert values({"fw": text}, {"firmware": "fw"}, kind="device_health")[0] == {"firmware": None}


@pytest.mark.parametrize(
    "time", ["2026-06-01T11:00:00Z", "2026-06-01T13:00:00+02:00", "2026-06-01T11:00:00", 1780311600, 1780311600000]
)
def test_a_reading_has_its_own_time(time):
    [reading], warnings = read(
        {"at": time, "m": 1}, {"kind": "tree_moisture", "time": "at", "fields": {"soil_moisture": "m"}}
    )
    assert reading.observed_at == AT - timedelta(hours=1)
    assert (reading.flags, warnings) == (0, [])


@pytest.mark.parametrize("time", ["1980-01-06T00:00:00Z", "2026-06-02T12:00:01Z", "soon", None, 1e300, {"a": 1}, True])
def test_a_time_that_is_not_credible_leaves_the_reading_out(time):
    found, [warning] = read(
        {"at": time, "m": 1}, {"kind": "tree_moisture", "time": "at", "fields": {"soil_moisture": "m"}}
    )
    assert found == []
    assert "no credible time" in warning


def test_a_clock_that_is_ahead_is_flagged():
    [reading], _ = read(
        {"at": "2026-06-01T12:10:01Z", "m": 1},
        {"kind": "tree_moisture", "time": "at", "fields": {"soil_moisture": "m"}},
    )
    assert reading.flags == QualityFlag.CLOCK


def test_each_probe_of_a_list_is_a_channel():
    found, _ = read(
        {"battery": 3.6, "probes": [{"m": 10}, {"other": 1}, {"m": 30}]},
        {"kind": "tree_moisture", "each": "probes", "fields": {"soil_moisture": "m"}},
        {"kind": "device_health", "fields": {"battery_voltage": "battery"}},
    )
    assert [(one.kind, one.channel) for one in found] == [
        ("tree_moisture", 0),
        ("tree_moisture", 2),
        ("device_health", 0),
    ]
    assert found[1].soil_moisture == 30


def test_each_sample_of_a_datalog_has_its_time_and_one_channel():
    found, _ = read(
        {"log": [{"t": 1780311600, "m": 10}, {"t": 1780308000, "m": 11}]},
        {"kind": "tree_moisture", "each": "log", "time": "t", "history": True, "fields": {"soil_moisture": "m"}},
    )
    assert [(one.channel, one.observed_at, one.flags) for one in found] == [
        (0, AT - timedelta(hours=1), QualityFlag.HISTORY),
        (0, AT - timedelta(hours=2), QualityFlag.HISTORY),
    ]


def test_channel_and_subject_from_the_result():
    found, warnings = read(
        {"id": 68123456, "registers": [{"n": 3, "e": 1}, {"n": "x", "e": 2}, {"n": -1, "e": 3}]},
        {"kind": "heat_meter", "each": "registers", "channel": "n", "subject": "$.id", "fields": {"energy": "e"}},
    )
    assert [(one.subject, one.channel, one.energy) for one in found] == [("68123456", 3, 1.0)]
    assert len(warnings) == 2


def test_a_meter_without_its_number_is_left_out():
    found, [warning] = read({"e": 1}, {"kind": "heat_meter", "subject": "id", "fields": {"energy": "e"}})
    assert found == []
    assert warning.startswith("subject")


def test_conditions_and_flags():
    entry = {"kind": "heat_meter", "when": "meter", "flags": {"METER_ERROR": "meter.error"}, "fields": {"energy": "e"}}
    assert read({"e": 1}, entry)[0] == []
    assert read({"e": 1, "meter": {"error": 0}}, entry)[0][0].flags == 0
    assert read({"e": 1, "meter": {"error": "E3"}}, entry)[0][0].flags == QualityFlag.METER_ERROR


def test_a_flood_of_elements_is_bounded():
    entry = {"kind": "tree_moisture", "each": "p", "fields": {"soil_moisture": "m"}}
    assert len(read({"p": [{"m": 1}] * 100_000}, entry)[0]) == 65


@pytest.mark.parametrize("result", [None, 1, "text", [], [1, 2], {"m": {"m": {}}}])
def test_any_result_is_survived(result):
    assert read(result, {"kind": "tree_moisture", "each": "p", "fields": {"soil_moisture": "m"}}) == ([], [])
