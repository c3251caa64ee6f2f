"""Milesight EM500-SMTC (and EM500-SMT): soil moisture, temperature and conductivity, with a datalog.

Layout, any port (85 by default): entries of channel, type and data, little-endian, one after the other.

    01 75   battery, u8 %
    03 67   soil temperature, i16 / 10 Cel
    04 68   moisture in the old resolution, u8 / 2 %vol
    04 CA   moisture, u16 / 100 %vol
    05 7F   conductivity, u16 uS/cm
    83 D7   temperature alarm: temperature i16 / 10 Cel, its change i16 / 10, u8 kind of alarm
    20 CE   history: unix time u32, conductivity u16, temperature i16 / 10, moisture u16 / 100; repeats
    FF 0A   firmware, two bytes that read as hexadecimal digits; FF FE reset; FF 0B powered on
    FE, FF  other types: attributes and answers to downlinks (no reading)

Fault codes, on the raw 16 bits: FFFF the probe could not be read, FFFD out of the probe's range. The vendor's codec
compares an already signed temperature with them and reports -0.1 and -0.3 Cel.

A history entry is a reading of its own time, flagged HISTORY (see `decoders/datalog.py`).

An unknown entry ends decoding, because its length is unknown: what came before is kept.

Source: EM500-SMTC user guide; Milesight-IoT/SensorDecoders em-series/em500-smtc.
"""

from collections.abc import Sequence

from decoders.datalog import logged
from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.fields import Field, Layout
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, QualityFlag, Reading, TreeMoisture
from decoders.uplink import Uplink

_FAULTS = {0xFFFF: QualityFlag.SENSOR_FAULT, 0xFFFD: QualityFlag.SENSOR_FAULT | QualityFlag.OUT_OF_RANGE}


def _temperature(offset: int = 0) -> Field:
    return Field("soil_temperature", offset, signed=True, divide=10, faults=_FAULTS)


def _moisture(offset: int = 0) -> Field:
    return Field("soil_moisture", offset, divide=100, faults=_FAULTS)


def _conductivity(offset: int = 0) -> Field:
    return Field("conductivity", offset, faults=_FAULTS)


_SOIL = {
    b"\x03\x67": Layout(2, _temperature(), order="little"),
    b"\x04\x68": Layout(1, Field("soil_moisture", 0, 1, divide=2), order="little"),
    b"\x04\xca": Layout(2, _moisture(), order="little"),
    b"\x05\x7f": Layout(2, _conductivity(), order="little"),
    b"\x83\xd7": Layout(5, _temperature(), order="little"),
}
_BATTERY = Layout(1, Field("battery_level", 0, 1))
_HISTORY = Layout(6, _conductivity(0), _temperature(2), _moisture(4), order="little")

_ATTRIBUTES = {1: b"\x01\x0f", 2: b"\x09\xff", 8: b"\x16"}
_ANSWERS = {
    1: b"\x10\x27\x28\x3b\x4a\x68\x69\x84\xf5",
    2: b"\x02\x03\x17\x18\x1c\xf2",
    3: b"\x6a",
    4: b"\x11\xf1",
    8: b"\x35\x96",
    9: b"\x06",
}
"""Types by the number of their data bytes."""
_IGNORED = {
    bytes((channel, kind)): size
    for channel, types in ((0xFE, _ANSWERS), (0xFF, _ANSWERS), (0xFF, _ATTRIBUTES))
    for size, kinds in types.items()
    for kind in kinds
}


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    soil: dict[str, object] = {}
    health: dict[str, object] = {}
    history: list[Reading] = []
    flags = QualityFlag(0)
    while data.remaining:
        start = data.offset
        entry = data.take(2)
        if entry in _SOIL:
            measured, faults = _SOIL[entry].read(data)
            soil.update(measured)
            flags |= faults
        elif entry == b"\x20\xce":
            history += _history(uplink, data)
        elif not _read_device(entry, data, health):
            data.offset = start
            break
    if not data.offset:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "begins with no entry of this device")
    if data.remaining:
        data.warn(f"unknown entry at offset {data.offset}")
    readings: list[Reading] = [TreeMoisture.of(uplink, soil, flags=flags)] if soil else []
    if health:
        readings.append(DeviceHealth.of(uplink, health))
    return readings + history


def _read_device(entry: bytes, data: ByteReader, health: dict[str, object]) -> bool:
    """Take an entry about the device itself; False when it is unknown."""
    if entry == b"\x01\x75":
        health.update(_BATTERY.read(data)[0])
    elif entry == b"\xff\x0a":
        health["firmware"] = "{:x}.{:x}".format(*data.take(2))
    elif entry in (b"\xff\xfe", b"\xff\x0b"):
        data.take(1)
        health["reset_cause"] = "reset" if entry == b"\xff\xfe" else "power_on"
    elif entry in _IGNORED:
        data.take(_IGNORED[entry])
    else:
        return False
    return True


def _history(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    unix_time = data.unsigned(4, "little")
    measured, flags = _HISTORY.read(data)
    return logged(TreeMoisture, uplink, data, measured, unix_time=unix_time, flags=flags)


DECODER = Decoder(
    name="milesight_em500_smtc",
    version=1,
    vendor="Milesight",
    model="EM500-SMTC",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="EM500-SMTC user guide; Milesight-IoT/SensorDecoders em-series/em500-smtc",
    profiles=("Milesight EM500-SMTC", "EM500-SMTC", "Milesight EM500-SMT", "EM500-SMT"),
)
