"""Sensefarm CUBE02 (and CUBE01): up to eight Watermark sensors and thermometers; one channel for each instance.

Layout, any port: records until the payload ends, big-endian. The first byte of a record holds its type in bits 7-3 and
its instance in bits 2-0; by type:

    01   temperature, float32 Cel
    06   battery, u16 mV
    13   resistance of a Watermark, u32 ohm; 10230005 with an open input, 19-20 with a short circuit
    15   soil water tension as the device computes it, u16 kPa; not sent where it is out of range
    16   why it spoke, u8: 6 normal, 7 button, 0-5 restarts
    17   protocol version, u16: 1

    02-05, 07-12, 14   other quantities of this maker's devices (no reading)

An unknown record (00 is proprietary) ends decoding, because its length is unknown: what came before is kept.

The device's own tension takes no account of the temperature: it is the table for 24 Cel, a third too dry at 10 Cel. The
tension here is computed from resistance and temperature (`decoders/soil.py`), the device's own is `reported_tension`.
The thermometer of the same instance counts, else the first one; without any the tension is ESTIMATED.

A wrong application key gives random bytes, so a payload has to hold the version (CUBE02), or begin with the battery and
hold nothing unknown (CUBE01, which has no version record: with a warning).

Source: Sensefarm/protocols, Sensefarm-LPP.md and decode-examples.md.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, QualityFlag, Reading, TreeMoisture
from decoders.soil import watermark
from decoders.uplink import Uplink

_TEMPERATURE, _BATTERY, _RESISTANCE, _TENSION, _REASON, _VERSION = 0x01, 0x06, 0x13, 0x15, 0x16, 0x17
_SIZES = {
    kind: size
    for size, kinds in {
        1: b"\x11",
        2: b"\x02\x05\x08\x0a\x0c\x0f\x10",
        4: b"\x04\x07\x09\x0b\x12",
        6: b"\x03",
        8: b"\x0d\x14",
        16: b"\x0e",
    }.items()
    for kind in kinds
}
"""Bytes of the records that give no reading, by type."""
_RESTARTS = {
    0: "unknown",
    1: "power_on",
    2: "independent_watchdog",
    3: "window_watchdog",
    4: "low_power",
    5: "power_on",
    7: "button",
}
_PROTOCOL = 1
_COLDEST, _HOTTEST = -40, 80

_Records = dict[tuple[int, int], float]
"""Values by type and instance."""


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    records = _records(data)
    channels = sorted({instance for kind, instance in records if kind in (_TEMPERATURE, _RESISTANCE, _TENSION)})
    soil = [_soil(uplink, records, channel) for channel in channels]
    return [*soil, *_health(uplink, records)]


def _records(data: ByteReader) -> _Records:
    """All records that give something.

    Raises:
        DecodeError: neither a CUBE02 nor a CUBE01 sends this.
    """
    records: _Records = {}
    first = data.peek() >> 3
    while data.remaining:
        header = data.u8()
        if not _read(header >> 3, header & 7, data, records):
            if (_VERSION, 0) not in records:
                raise DecodeError(RejectReason.INVALID_PAYLOAD, f"unknown record {header:02x}, and no protocol version")
            data.offset -= 1
            data.warn(f"unknown record at offset {data.offset}")
            break
    version = records.get((_VERSION, 0))
    if version is None and first != _BATTERY:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "no protocol version, and no battery first")
    if version is None:
        data.warn("no protocol version: a CUBE01, or a wrong application key")
    elif version != _PROTOCOL:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"protocol version {version:.0f}, expected {_PROTOCOL}")
    return records


def _read(kind: int, instance: int, data: ByteReader, records: _Records) -> bool:
    """Take a record's value; False when the type is unknown."""
    if kind == _TEMPERATURE:
        records[kind, instance] = data.f32()
    elif kind == _RESISTANCE:
        records[kind, instance] = data.u32()
    elif kind in (_BATTERY, _TENSION, _VERSION):
        records[kind, instance] = data.u16()
    elif kind == _REASON:
        records[kind, instance] = data.u8()
    elif kind in _SIZES:
        data.take(_SIZES[kind])
    else:
        return False
    return True


def _soil(uplink: Uplink, records: _Records, channel: int) -> Reading:
    """One instance's probe: its thermometer, and its Watermark where it has one."""
    measured: dict[str, object] = {}
    flags = QualityFlag(0)
    temperature = records.get((_TEMPERATURE, channel))
    if temperature is not None:
        measured["soil_temperature"] = temperature
    reported = records.get((_TENSION, channel))
    resistance = records.get((_RESISTANCE, channel))
    if resistance is not None:
        tension, flags = watermark(resistance, _credible(temperature, records.get((_TEMPERATURE, 0))))
        sensed = not flags & (QualityFlag.SENSOR_FAULT | QualityFlag.NO_SENSOR)
        measured |= {"soil_tension": tension, "resistance": resistance / 1000 if sensed else None}
        if reported is not None:
            measured["reported_tension"] = float(reported)
    elif reported is not None:
        measured["soil_tension"] = float(reported)
        flags = QualityFlag.ESTIMATED
    return TreeMoisture.of(uplink, measured, flags=flags, channel=channel)


def _credible(*temperatures: float | None) -> float | None:
    """The first temperature that soil can have."""
    return next((one for one in temperatures if one is not None and _COLDEST <= one <= _HOTTEST), None)


def _health(uplink: Uplink, records: _Records) -> list[Reading]:
    health: dict[str, object] = {}
    if (_BATTERY, 0) in records:
        health["battery_voltage"] = records[_BATTERY, 0] / 1000
    reason = records.get((_REASON, 0))
    if reason in _RESTARTS:
        health["reset_cause"] = _RESTARTS[int(reason)]
    return [DeviceHealth.of(uplink, health)] if health else []


DECODER = Decoder(
    name="sensefarm_cube02",
    version=1,
    vendor="Sensefarm",
    model="CUBE02 / CUBE01",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="Sensefarm/protocols: Sensefarm-LPP.md",
    profiles=("Sensefarm CUBE02", "CUBE02", "Sensefarm CUBE01", "CUBE01"),
)
