"""TEKTELIC KIWI and CLOVER (and the first agriculture sensor): soil moisture, thermometers and Watermarks.

Layout, port 10, big-endian: entries of a key of two bytes and data, one after the other.

    00 BA   battery: bits 6-0 / 100 + 2.5 V, bit 7 end of service
    00 D3   battery, bits 6-0 % (once 00 FF)     00 BD   battery days left, u16 (no reading)
    01 04   input 1, u16 kHz: soil moisture      02 02   input 2, u16 mV: soil temperature
    03 02   input 3, u16 mV: soil temperature    03 67   input 3, i16 / 10 Cel
    04 02   input 4, as input 3                  04 67
    05 04   Watermark 1, u16 Hz: tension         06 04   Watermark 2
    0B 67   air temperature, i16 / 10 Cel        0B 68   air humidity, u8 / 2 %
    0C 67   temperature of the processor, i16 / 10 Cel; a single byte at the end, as once documented, is no reading
    09 65 light, 09 00 and 0A 00 alarms, 0A 71 acceleration, 0A 02 impact, 0D 73 reserved (no reading)

Port 100 answers with the configuration, keys of one byte; 71 holds the firmware (major, minor, revision first). Port
101 answers to commands (no reading). An unknown key ends decoding, because its length is unknown: what came before is
kept.

Channel 0 is the device's own probe (inputs 1 and 2) and the air; 1 and 2 are the Watermarks, 3 and 4 the thermometers
at inputs 3 and 4. An input of 0 is not connected: NO_SENSOR.

    input 1       gravimetric water content by steps of 5 kHz, from 10 % (1397-1399 kHz) to 120 % (1342-1346); beyond
                  the steps the maker says dry and wet: 0 and 120 %, ESTIMATED
    input 2       -32.46 ln(mV) + 236.36 Cel
    inputs 3, 4   -33.01 V^5 + 217.4 V^4 - 538.6 V^3 + 628.1 V^2 - 378.9 V + 102.9 Cel
    Watermarks    lines between the maker's points, whole kPa; made for 24 Cel and without a correction: ESTIMATED

Source: TEKTELIC KIWI and CLOVER technical reference manual; TektelicCommunications/data-converters agro.
"""

from collections.abc import Callable, Sequence
from math import log

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, QualityFlag, Reading, TreeMoisture
from decoders.uplink import Uplink

_DATA_PORT, _CONFIGURATION_PORT, _ANSWER_PORT = 10, 100, 101
_FIRMWARE = 0x71

_CONFIGURATION = {
    1: b"\x33\x35\x3f\x43\x48\x4d\x51\x52\x61\x62",
    2: b"\x10\x11\x12\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2c\x2d\x2e\x2f\x32\x34\x42\x44\x45\x49\x4a\x50",
    4: b"\x20\x30\x31\x36\x37\x38\x39\x3a\x3b\x3c\x3d\x40\x41\x4b\x4c",
    5: b"\x13",
}
"""Keys of port 100 by the number of their data bytes."""
_CONFIGURATION_SIZES = {key: size for size, keys in _CONFIGURATION.items() for key in keys}
_SILENT = {
    b"\x00\xbd": 2,
    b"\x09\x00": 1,
    b"\x09\x65": 2,
    b"\x0a\x00": 1,
    b"\x0a\x02": 2,
    b"\x0a\x71": 6,
    b"\x0d\x73": 2,
}

_DRIEST, _WETTEST, _STEP = 1399, 1341, 5
"""Ends of the table of input 1 in kHz: 1397-1399 is its first step, which is shorter than the others."""
_WATERMARK = (
    (293, 485, 200, 0.5208),
    (485, 600, 100, 0.2174),
    (600, 770, 75, 0.1176),
    (770, 1110, 55, 0.05884),
    (1110, 2820, 35, 0.01170),
    (2820, 4330, 15, 0.003974),
    (4330, 6431, 9, 0.004286),
)
"""From and below these Hz, the tension at the lower end, and how much it falls with every Hz."""

_NO_FLAGS = QualityFlag(0)
_Measured = tuple[str, float | None, QualityFlag]


class _Frame:
    """What one payload said: soil values and flags by channel, and values about the device."""

    def __init__(self) -> None:
        self.soil: dict[int, dict[str, object]] = {}
        self.flags: dict[int, QualityFlag] = {}
        self.health: dict[str, object] = {}

    def readings(self, uplink: Uplink) -> list[Reading]:
        soil: list[Reading] = [
            TreeMoisture.of(uplink, self.soil[channel], flags=self.flags[channel], channel=channel)
            for channel in sorted(self.soil)
        ]
        return soil + ([DeviceHealth.of(uplink, self.health)] if self.health else [])


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if uplink.f_port == _ANSWER_PORT:
        data.rest()
        return []
    frame = _Frame()
    read = _read if uplink.f_port == _DATA_PORT else _read_configuration
    while data.remaining:
        start = data.offset
        if not read(data, frame):
            data.offset = start
            break
    if not data.offset:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "begins with no entry of this device")
    if data.remaining:
        data.warn(f"unknown entry at offset {data.offset}")
    return frame.readings(uplink)


def _read(data: ByteReader, frame: _Frame) -> bool:
    """Take an entry of port 10; False when it is unknown."""
    key = data.take(2)
    if key in _INPUTS:
        channel, convert = _INPUTS[key]
        name, value, flags = convert(data.u16())
        frame.soil.setdefault(channel, {})[name] = value
        frame.flags[channel] = frame.flags.get(channel, _NO_FLAGS) | flags
    elif key in (b"\x0b\x67", b"\x0b\x68"):
        air = frame.soil.setdefault(0, {})
        frame.flags.setdefault(0, _NO_FLAGS)
        if key == b"\x0b\x67":
            air["air_temperature"] = data.i16() / 10
        else:
            air["air_humidity"] = data.u8() / 2
    elif key == b"\x00\xba":
        frame.health["battery_voltage"] = ((data.u8() & 0x7F) + 250) / 100
    elif key in (b"\x00\xd3", b"\x00\xff"):
        frame.health["battery_level"] = float(data.u8() & 0x7F)
    elif key == b"\x0c\x67":
        _read_processor(data, frame)
    elif key in _SILENT:
        data.take(_SILENT[key])
    else:
        return False
    return True


def _read_processor(data: ByteReader, frame: _Frame) -> None:
    if data.remaining == 1:
        data.take(1)
        data.warn("processor temperature of one byte")
        return
    frame.health["device_temperature"] = data.i16() / 10


def _read_configuration(data: ByteReader, frame: _Frame) -> bool:
    """Take an entry of port 100; False when it is unknown."""
    key = data.u8()
    if key == _FIRMWARE:
        frame.health["firmware"] = ".".join(str(part) for part in data.take(3))
        data.take(4)
    elif key in _CONFIGURATION_SIZES:
        data.take(_CONFIGURATION_SIZES[key])
    else:
        return False
    return True


def _moisture(kilohertz: int) -> _Measured:
    name = "moisture_by_mass"
    if not kilohertz:
        return name, None, QualityFlag.NO_SENSOR
    if kilohertz > _DRIEST:
        return name, 0.0, QualityFlag.ESTIMATED
    if kilohertz <= _WETTEST:
        return name, 120.0, QualityFlag.ESTIMATED
    steps = (1401 - kilohertz) // _STEP + 1
    return name, 10.0 * steps, _NO_FLAGS


def _own_thermometer(millivolts: int) -> _Measured:
    if not millivolts:
        return "soil_temperature", None, QualityFlag.NO_SENSOR
    return "soil_temperature", round(-32.46 * log(millivolts) + 236.36, 1), _NO_FLAGS


def _thermistor(millivolts: int) -> _Measured:
    if not millivolts:
        return "soil_temperature", None, QualityFlag.NO_SENSOR
    volts = millivolts / 1000
    celsius = -33.01 * volts**5 + 217.4 * volts**4 - 538.6 * volts**3 + 628.1 * volts**2 - 378.9 * volts + 102.9
    return "soil_temperature", round(celsius, 1), _NO_FLAGS


def _digital(raw: int) -> _Measured:
    return "soil_temperature", (raw - 0x10000 if raw & 0x8000 else raw) / 10, _NO_FLAGS


def _tension(hertz: int) -> _Measured:
    if not hertz:
        return "soil_tension", None, QualityFlag.NO_SENSOR
    for low, end, tension, slope in _WATERMARK:
        if low <= hertz < end:
            return "soil_tension", float(round(tension - (hertz - low) * slope)), QualityFlag.ESTIMATED
    return "soil_tension", 200.0 if hertz < _WATERMARK[0][0] else 0.0, QualityFlag.ESTIMATED


_INPUTS: dict[bytes, tuple[int, Callable[[int], _Measured]]] = {
    b"\x01\x04": (0, _moisture),
    b"\x02\x02": (0, _own_thermometer),
    b"\x05\x04": (1, _tension),
    b"\x06\x04": (2, _tension),
    b"\x03\x02": (3, _thermistor),
    b"\x03\x67": (3, _digital),
    b"\x04\x02": (4, _thermistor),
    b"\x04\x67": (4, _digital),
}
"""Channel and conversion of every input; all of them are 16 bit."""

DECODER = Decoder(
    name="tektelic_agri",
    version=1,
    vendor="TEKTELIC",
    model="KIWI / CLOVER",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="TEKTELIC KIWI and CLOVER technical reference manual; TektelicCommunications/data-converters agro",
    profiles=(
        "KIWI Agriculture Sensor",
        "CLOVER Agriculture Sensor",
        "TEKTELIC KIWI",
        "TEKTELIC CLOVER",
        "TEKTELIC Agriculture Sensor",
        "tektelic/t00059xx-kiwi",
        "tektelic/t00059xx-clover",
        "tektelic/t00059xx-agriculture-sensor",
        "tektelic/t000598x-kiwi",
        "tektelic/t000598x-clover",
    ),
    f_ports=(_DATA_PORT, _CONFIGURATION_PORT, _ANSWER_PORT),
)
