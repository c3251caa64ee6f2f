"""Dragino LSE01: soil moisture, temperature and conductivity, with an optional external thermometer.

Layout, port 2, 11 bytes, big-endian:

    0-1   battery, mV; the two highest bits are no part of it
    2-3   external DS18B20, i16 / 10 Cel; 7FFF or anything outside -55..125 means that none is connected
    4-5   MOD 0: moisture, u16 / 100 %vol           MOD 1: dielectric constant, u16 / 10
    6-7   MOD 0: soil temperature, i16 / 100 Cel    MOD 1: raw moisture (no reading)
    8-9   MOD 0: conductivity, u16 uS/cm            MOD 1: raw conductivity (no reading)
    10    bit 7 MOD, bit 4 soil sensor detected, bits 0-3 interrupt

Without a soil sensor the three words are zeros: no value and NO_SENSOR, not 0 %. A missing thermometer is a normal
way to use the device and raises no flag.

Firmware up to 1.1.3 has other flags in byte 10 and knows no MOD. Two things tell its frames apart: words that are not
zero without a detected sensor, and a dielectric constant beyond 100 (water has 80) in MOD 1.

The vendor's codec computes a negative soil temperature as `(raw - 0xFFFF) / 100`, 0.01 K too high; two's complement
is right.

Source: LSE01 user manual and dragino/dragino-end-node-decoder (LSE01, V1.1.4 and V1.2.1).
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.fields import Field, Layout
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, QualityFlag, Reading, TreeMoisture
from decoders.uplink import Uplink

_NOT_CONNECTED = {0x7FFF: QualityFlag(0)}
_COLDEST, _HOTTEST = -55, 125
_LARGEST_DIELECTRIC_CONSTANT = 1000
"""In tenths, as sent."""

_BATTERY = Field("battery_voltage", 0, mask=0x3FFF, divide=1000)
_THERMOMETER = Field("air_temperature", 2, signed=True, divide=10, faults=_NOT_CONNECTED)
_SOIL = Layout(
    11,
    _BATTERY,
    _THERMOMETER,
    Field("soil_moisture", 4, divide=100),
    Field("soil_temperature", 6, signed=True, divide=100),
    Field("conductivity", 8),
)
_RAW_SOIL = Layout(11, _BATTERY, _THERMOMETER, Field("permittivity", 4, divide=10))
_NO_SOIL = Layout(11, _BATTERY, _THERMOMETER)


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    layout = _layout(data.peek(10), data.payload[4:10])
    measured, flags = layout.read(data)
    battery = measured.pop("battery_voltage")
    thermometer = measured["air_temperature"]
    if thermometer is not None and not _COLDEST <= thermometer <= _HOTTEST:
        measured["air_temperature"] = None
    if layout is _NO_SOIL:
        flags |= QualityFlag.NO_SENSOR
    return TreeMoisture.of(uplink, measured, flags=flags), DeviceHealth.of(uplink, battery_voltage=battery)


def _layout(status: int, words: bytes) -> Layout:
    """What the three words after the thermometer are."""
    if not status & 0x10 and not any(words):
        return _NO_SOIL
    if status & 0x80 and int.from_bytes(words[:2], "big") <= _LARGEST_DIELECTRIC_CONSTANT:
        return _RAW_SOIL
    return _SOIL


DECODER = Decoder(
    name="dragino_lse01",
    version=1,
    vendor="Dragino",
    model="LSE01",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="LSE01 user manual; dragino/dragino-end-node-decoder LSE01",
    profiles=("Dragino LSE01", "LSE01", "dragino-lse01"),
    f_ports=(2,),
)
