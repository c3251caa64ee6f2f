"""Field tables of a configuration: what they decode, what they refuse, and what is refused of them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from decoders.decoder import Decoded, Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.readings import BayEvent, DeviceHealth, HeatMeter, ParkingBay, QualityFlag, TreeCrown, TreeMoisture
from decoders.table_settings import TableSettings
from decoders.tables import decoder, definition_hash, entries
from decoders.uplink import Privacy
from ingest.preparation import privacy_of
from stadtfunk.kit import rules
from stadtfunk.kit.vectors import Case, uplink

PROBE = """
vendor: Acme
model: Probe 3
version: 4
source: data sheet, rev. 2
profiles: [Acme Probe 3]
readings:
  - kind: tree_moisture
    channel: 1
    when: {f_port: 2, bytes: {0: {mask: 0x0F, equals: 1}}}
    flags: {startup: {bytes: {0: {mask: 0x80, equals: 0x80}}}}
    fields:
      soil_moisture: {offset: 1, divide: 100, faults: {0xFFFF: sensor_fault, 0xFFFE: no_sensor}}
      soil_temperature: {offset: 3, signed: true, multiply: 0.1}
      soil_tension: {offset: 5, size: 3, order: little, unit: hPa}
  - kind: device_health
    when: {f_port: [2, 3]}
    fields:
      battery_voltage: {offset: 8, size: 1, multiply: 20, unit: mV}
"""

PARKING = """
source: made up
size: 8
readings:
  - kind: parking_bay
    fields:
      occupied: {offset: 0, bit: 7}
      event: {offset: 0, size: 1, mask: 0x03, values: {0: heartbeat, 1: change, 2: startup}}
      previous_duration: {offset: 1, unit: s}
  - kind: device_health
    fields:
      firmware: {offset: 3, size: 3, text: dotted}
      external_power: {offset: 6, size: 1, values: {0xAA: true, 0x55: false}}
      reset_cause: {value: power_on}
      battery_level: {offset: 7, size: 1, values: {0: 5, 1: 50, 2: 100}}
"""

METER = """
source: made up
order: little
readings:
  - kind: heat_meter
    subject: {offset: 0, size: 4}
    fields:
      energy: {offset: 4, size: 4, unit: MWh, divide: 1000}
      flow_temperature: {offset: 8, size: 4, float: true}
      error_code: {offset: 12, size: 1, mask: 0xF0, shift: 4}
      meter_time: {offset: 13, size: 4}
"""

CROWN = """
source: shown by the maker's portal beside its raw payload
readings:
  - kind: tree_crown
    fields:
      stress_index: {offset: 0, size: 1, divide: 2, faults: {0xFF: sensor_fault}}
      resistance: {offset: 1, unit: kOhm, divide: 10}
      crown_temperature: {offset: 3, signed: true, divide: 10}
  - kind: device_health
    fields: {battery_level: {offset: 5, size: 1}}
"""

LPP = """
source: Cayenne LPP, channels as wired on 3 May 2026
format: cayenne_lpp
readings:
  - kind: tree_moisture
    fields:
      soil_temperature: {channel: 3, type: temperature}
      soil_moisture: {channel: 4, type: humidity, faults: {0xFF: sensor_fault}}
      soil_tension: {channel: 5, type: analog_input, multiply: 10, faults: {0x8000: no_sensor}}
  - kind: tree_moisture
    channel: 1
    fields:
      soil_temperature: {channel: 13, type: temperature}
  - kind: heat_meter
    fields:
      power: {channel: 7, type: power}
  - kind: parking_bay
    fields:
      occupied: {channel: 9, type: presence}
      event: {channel: 10, type: digital_input, values: {0: heartbeat, 1: change}}
  - kind: device_health
    fields:
      battery_voltage: {channel: 1, type: analog_input, add: 1}
"""

TABLES = {"acme_probe": PROBE, "bay": PARKING, "meter": METER, "crown": CROWN, "lpp": LPP}


def table(text: str) -> TableSettings:
    """As the configuration reads it: with texts as keys."""
    return TableSettings.model_validate(_keys_as_texts(yaml.safe_load(text)))


def _keys_as_texts(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _keys_as_texts(item) for key, item in value.items()}
    return [_keys_as_texts(item) for item in value] if isinstance(value, list) else value


def made(text: str) -> Decoder:
    return decoder("made", table(text))


def decoded(text: str, payload: str, *, f_port: int = 2) -> Decoded:
    return made(text).decode(uplink(bytes.fromhex(payload), f_port))


def test_numbers_are_read_scaled_and_converted() -> None:
    soil, health = decoded(PROBE, "81 07a5 ff9c 102700 b4").readings
    message = uplink(b"", 2)
    assert soil == TreeMoisture.of(
        message,
        channel=1,
        soil_moisture=19.57,
        soil_temperature=-10.0,
        soil_tension=1000.0,
        flags=QualityFlag.STARTUP,
    )
    assert health == DeviceHealth.of(message, battery_voltage=3.6)


def test_fault_codes_raise_their_flags_and_are_no_values() -> None:
    for code, flag in {"ffff": QualityFlag.SENSOR_FAULT, "fffe": QualityFlag.NO_SENSOR}.items():
        soil = decoded(PROBE, f"01 {code} 0000 000000 b4").readings[0]
        assert (soil.soil_moisture, soil.flags) == (None, flag)


def test_a_value_that_is_not_plausible_is_none_like_everywhere() -> None:
    soil = decoded(PROBE, "01 fffd 0000 000000 b4").readings[0]
    assert (soil.soil_moisture, soil.flags) == (None, QualityFlag.OUT_OF_RANGE)


def test_conditions_choose_the_readings_of_a_message() -> None:
    kinds = [type(reading) for reading in decoded(PROBE, "02 07a5 ff9c 102700 b4").readings]
    assert kinds == [DeviceHealth]
    kinds = [type(reading) for reading in decoded(PROBE, "01 07a5 ff9c 102700 b4", f_port=3).readings]
    assert kinds == [DeviceHealth]


LENGTHS = """
source: s
readings:
  - {kind: device_health, when: {max_size: 1}, fields: {battery_level: {offset: 0, size: 1}}}
  - {kind: device_health, when: {min_size: 3}, fields: {battery_voltage: {offset: 1, divide: 1000}}}
"""


def test_messages_may_be_told_by_their_length() -> None:
    assert decoded(LENGTHS, "32").readings[0].battery_level == 50.0
    assert decoded(LENGTHS, "320e10").readings[0].battery_voltage == 3.6
    assert refusal(LENGTHS, "320e") is RejectReason.INVALID_PAYLOAD


def test_switches_words_texts_and_constants() -> None:
    bay, health = decoded(PARKING, "81 003c 010203 aa 01").readings
    message = uplink(b"", 2)
    assert bay == ParkingBay.of(message, occupied=True, event=BayEvent.CHANGE, previous_duration=1.0)
    assert health == DeviceHealth.of(
        message, firmware="1.2.3", external_power=True, reset_cause="power_on", battery_level=50.0
    )


STARTED = """
source: s
readings:
  - kind: parking_bay
    flags: {startup: {f_port: 3}}
    fields: {occupied: {offset: 0, bit: 7}, event: {offset: 0, size: 1, mask: 3, values: {0: change, 2: startup}}}
"""


@pytest.mark.parametrize(("payload", "f_port"), [("82", 2), ("80", 3)], ids=["by its event", "by its flag"])
def test_a_start_up_frame_is_no_sighting(payload: str, f_port: int) -> None:
    [bay] = decoded(STARTED, payload, f_port=f_port).readings
    assert (bay.event, bay.flags, bay.occupied) == (BayEvent.STARTUP, QualityFlag.STARTUP, None)
    assert decoded(STARTED, "80").readings[0].occupied is True


def test_a_number_without_a_meaning_is_none_with_a_warning_that_shows_no_value() -> None:
    result = decoded(PARKING, "03 003c 010203 77 01")
    assert (result.readings[0].event, result.readings[1].external_power) == (None, None)
    assert result.warnings == (
        "event: a number that the table gives no meaning",
        "external_power: a number that the table gives no meaning",
    )


def test_a_meter_has_its_own_number_time_and_privacy() -> None:
    [meter] = decoded(METER, "78563412 39300000 0000a842 50 00e1f565").readings
    assert meter == HeatMeter.of(
        uplink(b"", 2),
        subject="12345678",
        energy=12345.0,
        flow_temperature=84.0,
        error_code=5,
        meter_time=datetime(2024, 3, 16, 18, 12, 16, tzinfo=UTC),
    )
    assert made(METER).kinds == (HeatMeter,)
    assert privacy_of(made(METER)) is Privacy.HOUSEHOLD
    assert privacy_of(made(PROBE)) is Privacy.PUBLIC


def test_a_float_that_is_no_number_is_a_fault() -> None:
    [meter] = decoded(METER, "78563412 39300000 0000c07f 50 00e1f565").readings
    assert (meter.flow_temperature, meter.flags) == (None, QualityFlag.SENSOR_FAULT)


def test_a_crown_sensor_is_a_table() -> None:
    crown, health = decoded(CROWN, "8c 03e8 00eb 63").readings
    message = uplink(b"", 2)
    assert crown == TreeCrown.of(message, stress_index=70.0, resistance=100.0, crown_temperature=23.5)
    assert health == DeviceHealth.of(message, battery_level=99.0)
    assert decoded(CROWN, "ff 03e8 00eb 63").readings[0].flags == QualityFlag.SENSOR_FAULT


def test_channels_of_cayenne_lpp_get_their_meaning() -> None:
    result = decoded(
        LPP, "0102 0104 0367 00eb 0468 37 0502 0190 0d67 ffd7 0780 05dc 0966 01 0a00 01 0567 0000", f_port=9
    )
    message = uplink(b"", 9)
    assert result.readings == (
        TreeMoisture.of(message, soil_temperature=23.5, soil_moisture=27.5, soil_tension=40.0),
        TreeMoisture.of(message, channel=1, soil_temperature=-4.1),
        HeatMeter.of(message, power=1.5),
        ParkingBay.of(message, occupied=True, event=BayEvent.CHANGE),
        DeviceHealth.of(message, battery_voltage=3.6),
    )
    assert result.warnings == ("temperature on channel 5 is not in the table",)


def test_items_that_are_not_sent_leave_their_fields_out_and_fault_codes_are_known_by_their_raw_number() -> None:
    [soil] = decoded(LPP, "0468 ff 0502 8000").readings
    assert soil.model_fields_set & {"soil_moisture", "soil_tension", "soil_temperature"} == {
        "soil_moisture",
        "soil_tension",
    }
    assert (soil.soil_moisture, soil.soil_tension) == (None, None)
    assert soil.flags == QualityFlag.SENSOR_FAULT | QualityFlag.NO_SENSOR
    assert decoded(LPP, "0567 0000").readings == ()


def test_an_item_that_stands_twice_counts_once() -> None:
    result = decoded(LPP, "0367 00eb 0367 0000")
    assert result.readings[0].soil_temperature == 23.5
    assert result.warnings == ("temperature on channel 3 stands twice; the first one counts",)


def refusal(text: str, payload: str, *, f_port: int = 2) -> RejectReason:
    with pytest.raises(DecodeError) as refused:
        decoded(text, payload, f_port=f_port)
    return refused.value.reason


@pytest.mark.parametrize(
    ("text", "payload", "f_port", "reason"),
    [
        (PROBE, "01 07a5 ff9c 102700", 2, RejectReason.TRUNCATED),
        (PROBE, "01 07a5", 2, RejectReason.TRUNCATED),
        (PROBE, "", 2, RejectReason.TRUNCATED),
        (PROBE, "01 07a5 ff9c 102700 b4", 4, RejectReason.UNKNOWN_PORT),
        (PARKING, "81 003c 010203 aa", 2, RejectReason.TRUNCATED),
        (PROBE.replace("profiles:", "f_ports: [7]\nprofiles:"), "01", 2, RejectReason.UNKNOWN_PORT),
        (LPP, "03", 2, RejectReason.TRUNCATED),
        (LPP, "0367 00eb 03ff 00", 2, RejectReason.INVALID_PAYLOAD),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(
    text: str, payload: str, f_port: int, reason: RejectReason
) -> None:
    assert refusal(text, payload, f_port=f_port) is reason


ONE = (
    "source: s\nreadings: [{kind: device_health, when: {bytes: {0: 1}}, fields: {battery_level: {offset: 1, size: 1}}}]"
)


def test_a_message_that_no_reading_is_meant_for_is_refused() -> None:
    assert refusal(ONE, "0232") is RejectReason.INVALID_PAYLOAD
    assert refusal(ONE, "") is RejectReason.TRUNCATED


def test_bytes_behind_the_table_are_unread() -> None:
    assert decoded(PARKING, "81 003c 010203 aa 01 ffff").unread == 2


def test_scales_are_exact() -> None:
    text = "source: s\nreadings: [{kind: tree_moisture, fields: {soil_temperature: {offset: 0, SCALE}}}]"
    assert decoded(text.replace("SCALE", "multiply: 0.01, add: -40"), "1957").readings[0].soil_temperature == 24.87
    assert decoded(text.replace("SCALE", "divide: 10, unit: '°F'"), "0302").readings[0].soil_temperature == 25.0


def test_a_decoder_knows_where_it_was_written() -> None:
    file = Path("/etc/stadtfunk/stadtfunk.yaml")
    [entry] = entries({"acme_probe": table(PROBE)}, file)
    made_of_it = entry.decoder
    assert (made_of_it.name, made_of_it.version, made_of_it.vendor, made_of_it.model) == (
        "acme_probe",
        4,
        "Acme",
        "Probe 3",
    )
    assert (made_of_it.source, made_of_it.profiles) == ("data sheet, rev. 2", ("Acme Probe 3",))
    assert entry.path == file
    assert entry.file_hash == definition_hash(table(PROBE))


def test_the_hash_is_of_the_definition_alone() -> None:
    reordered = yaml.safe_dump(yaml.safe_load(PROBE), sort_keys=True)
    assert definition_hash(table(reordered)) == definition_hash(table(PROBE))
    assert definition_hash(table(PROBE.replace("multiply: 20", "multiply: 21"))) != definition_hash(table(PROBE))


WRONG = {
    "{kind: soil, fields: {x: {offset: 0}}}": ("kind", "expected one of tree_moisture, tree_crown"),
    "{kind: tree_moistur, fields: {x: {offset: 0}}}": ("kind", "did you mean `tree_moisture`?"),
    "{kind: tree_moisture, fields: {soil_moistur: {offset: 0}}}": (
        "fields.soil_moistur",
        "tree_moisture has no such field; did you mean `soil_moisture`?",
    ),
    "{kind: tree_moisture, fields: {}}": ("fields", "expected at least one field"),
    "{kind: tree_moisture, fields: {soil_moisture: {size: 2}}}": (
        "fields.soil_moisture",
        "expected one of offset, type and value",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, value: 3}}}": (
        "fields.soil_moisture",
        "expected one of offset, type and value",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 7}}}": (
        "fields.soil_moisture",
        "2 byte(s) from offset 7 do not fit into a payload of 8",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 300}}}": ("fields.soil_moisture.offset", "less than 242"),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, size: 9}}}": ("fields.soil_moisture.size", "equal to 8"),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, unit: kPa}}}": (
        "fields.soil_moisture.unit",
        "expected one of %{vol}, %, m3/m3, 1, found 'kPa'",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, divide: 0}}}": (
        "fields.soil_moisture.divide",
        "other than 0",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, faults: {0x10000: no_sensor}}}}": (
        "fields.soil_moisture.faults",
        "from 0 to 65535",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, faults: {1: broken}}}}": (
        "fields.soil_moisture.faults.1",
        "expected one of sensor_fault",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, faults: {x: no_sensor}}}}": (
        "fields.soil_moisture.faults.x.[key]",
        "expected a whole number",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, size: 3, float: true}}}": (
        "fields.soil_moisture",
        "a float has 2, 4 or 8 bytes",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, size: 1, mask: 0x100}}}": (
        "fields.soil_moisture",
        "the mask does not fit into 1 bytes",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, text: hex}}}": (
        "fields.soil_moisture.text",
        "only for a text",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, values: {1: wet}}}}": (
        "fields.soil_moisture.values.1",
        "expected a number",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {offset: 0, values: {1: 2}, divide: 10}}}": (
        "fields.soil_moisture.values",
        "expected no scale",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {channel: 1, type: humidity}}}": (
        "fields.soil_moisture.type",
        "expected an offset, as the format is fields",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {channel: 1, offset: 1}}}": (
        "fields.soil_moisture",
        "expected channel and type together",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {type: wetness, channel: 1}}}": (
        "fields.soil_moisture.type",
        "expected one of digital_input",
    ),
    "{kind: tree_moisture, fields: {soil_moisture: {type: temperature, channel: 1}}}": (
        "fields.soil_moisture.type",
        "expected a temperature to be scaled",
    ),
    "{kind: parking_bay, fields: {occupied: {offset: 0}}}": ("fields.occupied", "expected a bit, or values"),
    "{kind: parking_bay, fields: {occupied: {offset: 0, bit: 8, size: 1}}}": ("fields.occupied.bit", "below 8"),
    "{kind: parking_bay, fields: {occupied: {value: 1}}}": ("fields.occupied.value", "expected true or false"),
    "{kind: parking_bay, fields: {event: {offset: 0}}}": (
        "fields.event.values",
        "expected what each number means: change or heartbeat or startup",
    ),
    "{kind: parking_bay, fields: {event: {offset: 0, values: {1: arrival}}}}": ("fields.event.values.1", "change or"),
    "{kind: people_count, fields: {entered: {offset: 0, size: 8}}}": ("fields.entered.size", "at most 6 bytes"),
    "{kind: device_health, fields: {firmware: {offset: 0}}}": ("fields.firmware", "expected values, or text: dotted"),
    "{kind: tree_moisture, when: {bytes: {0: 256}}, fields: {soil_moisture: {offset: 0}}}": (
        "when.bytes.0.equals.0",
        "equal to 255",
    ),
    "{kind: tree_moisture, when: {bytes: {-1: 1}}, fields: {soil_moisture: {offset: 0}}}": (
        "when.bytes.-1",
        "expected an offset from 0 to 241",
    ),
    "{kind: tree_moisture, when: {min_size: 5, max_size: 4}, fields: {soil_moisture: {offset: 0}}}": (
        "when.max_size",
        "expected at least 5",
    ),
    "{kind: tree_moisture, flags: {wet: {f_port: 1}}, fields: {soil_moisture: {offset: 0}}}": (
        "flags.wet.[key]",
        "expected one of sensor_fault",
    ),
}


@pytest.mark.parametrize("reading", WRONG)
def test_a_wrong_reading_is_refused_with_its_key_and_what_was_expected(reading: str) -> None:
    key, text = WRONG[reading]
    told = refused(f"source: s\nsize: 8\nreadings: [{reading}]")
    assert any(where == f"readings.0.{key}" and text in said for where, said in told), told


def refused(text: str) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refusal:
        table(text)
    return [(".".join(map(str, error["loc"])), error["msg"]) for error in refusal.value.errors()]


def test_all_problems_of_a_table_are_told_at_once() -> None:
    told = refused(
        """
        version: 0
        readings:
          - kind: tree_moisture
            fields: {soil_moistur: {offset: 1}, soil_tension: {offset: a}, permittivity: {offset: 1, faults: {1: x}}}
          - kind: tree
            fields: {x: {offset: 1}}
        """
    )
    assert {where for where, _ in told} >= {
        "version",
        "source",
        "readings.0.fields.soil_moistur",
        "readings.0.fields.soil_tension.offset",
        "readings.0.fields.permittivity.faults.1",
        "readings.1.kind",
    }


def test_two_readings_of_one_kind_and_channel_need_different_conditions() -> None:
    one = "{kind: device_health, fields: {battery_level: {offset: 0, size: 1}}}"
    [(key, text)] = refused(f"source: s\nreadings: [{one}, {one}]")
    assert (key, text) == ("readings.1.channel", "readings[0] has this kind and channel, too; number the probes")
    other = "{kind: device_health, when: {f_port: 2}, fields: {battery_level: {offset: 0, size: 1}}}"
    table(f"source: s\nreadings: [{one}, {other}]")


def test_a_table_needs_a_source_and_readings() -> None:
    assert {key for key, _ in refused("readings: []")} == {"source"}
    assert refused("source: s\nreadings: []") == [("readings", "expected at least one reading")]


def test_cayenne_lpp_has_no_places() -> None:
    assert [key for key, _ in refused(LPP + "size: 4\n")] == ["size"]
    told = refused(LPP.replace("{channel: 13, type: temperature}", "{offset: 1}"))
    assert told == [
        ("readings.1.fields.soil_temperature.offset", "expected channel and type, as the format is cayenne_lpp")
    ]


PAYLOADS = {
    "acme_probe": ["8107a5ff9c102700b4", "0207a5ff9c102700b4"],
    "bay": ["81003c010203aa01"],
    "meter": ["78563412393000000000a8425000e1f565"],
    "crown": ["8c03e800eb63"],
    "lpp": ["010201040367 00eb046837050201900d67ffd7078005dc0966010a000105670000"],
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_keep_the_rules_of_the_collection(name: str) -> None:
    one = decoder(name, table(TABLES[name]))
    vectors = [
        Case(decoder=name, name=str(number), f_port=2, hex=payload, readings=())
        for number, payload in enumerate(PAYLOADS[name])
    ]
    assert all(one.decode(uplink(case.payload, case.f_port)).readings for case in vectors)
    assert next(rules.truncations(one, vectors), None) is None
    assert next(rules.random_payloads(one, vectors, seed=20261124), None) is None
