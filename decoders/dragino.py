"""What Dragino's soil transmitters share: battery and thermometer, the probe's three words, datalog and device status.

    battery       u16 mV; the two highest bits are no part of it
    thermometer   external DS18B20, i16 / 10 Cel; 7FFF or anything outside -55..125 means that none is connected
    probe         MOD 0: moisture u16 / 100 %vol, soil temperature i16 / 100 Cel, conductivity u16 uS/cm
                  MOD 1: dielectric constant u16 / 10, raw moisture, raw conductivity (no readings)
    datalog       the probes' words as in MOD 0, one byte (bit 7: the network had not acknowledged it), unix time u32
    status        model, firmware (low nibble of byte 1, both nibbles of byte 2), frequency band, sub-band, battery

Big-endian. A missing thermometer is a normal way to use the device and raises no flag. The vendor's codecs compute a
negative soil temperature as `(raw - 0xFFFF) / 100`, 0.01 K too high; two's complement is right.
"""

from collections.abc import Sequence

from decoders.datalog import logged
from decoders.fields import Field, Layout
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, QualityFlag, Reading, TreeMoisture
from decoders.uplink import Uplink

_NOT_CONNECTED = {0x7FFF: QualityFlag(0)}
_COLDEST, _HOTTEST = -55, 125

_HEAD = Layout(
    4,
    Field("battery_voltage", 0, mask=0x3FFF, divide=1000),
    Field("air_temperature", 2, signed=True, divide=10, faults=_NOT_CONNECTED),
)
_BATTERY = Layout(2, Field("battery_voltage", 0, divide=1000))
_PROBE = Layout(
    6,
    Field("soil_moisture", 0, divide=100),
    Field("soil_temperature", 2, signed=True, divide=100),
    Field("conductivity", 4),
)
_RAW_PROBE = Layout(6, Field("permittivity", 0, divide=10))
_ABSENT = bytes(6)

Measured = dict[str, float | None]


def head(data: ByteReader) -> tuple[float | None, float | None]:
    """Battery in V, and the external thermometer in Cel or None, that every frame on port 2 begins with."""
    measured, _ = _HEAD.read(data)
    thermometer = measured["air_temperature"]
    if thermometer is not None and not _COLDEST <= thermometer <= _HOTTEST:
        thermometer = None
    return measured["battery_voltage"], thermometer


def probe(data: ByteReader, *, raw: bool, detected: bool) -> tuple[Measured, QualityFlag]:
    """The next probe's words. Zeros of a probe that was not detected are NO_SENSOR, not 0 %."""
    if not detected and data.payload[data.offset : data.offset + len(_ABSENT)] == _ABSENT:
        data.take(len(_ABSENT))
        return {}, QualityFlag.NO_SENSOR
    return (_RAW_PROBE if raw else _PROBE).read(data)


def datalog(uplink: Uplink, data: ByteReader, *, probes: int) -> list[Reading]:
    """The readings of a frame on port 3, whose entries have the words of `probes` probes each."""
    readings: list[Reading] = []
    while data.remaining:
        words = [_PROBE.read(data) for _ in range(probes)]
        data.take(1)
        at = data.u32()
        for channel, (measured, flags) in enumerate(words):
            readings += logged(TreeMoisture, uplink, data, measured, unix_time=at, flags=flags, channel=channel)
    return readings


def status(uplink: Uplink, data: ByteReader, *, model: int) -> Sequence[Reading]:
    """The reading of a frame on port 5; the status of another model is one, with a warning."""
    found = data.u8()
    if found != model:
        data.warn(f"status of model {found:02x}, expected {model:02x}")
    major, minor = data.take(2)
    data.take(2)
    firmware = f"{major & 0xF}.{minor >> 4}.{minor & 0xF}"
    return [DeviceHealth.of(uplink, _BATTERY.read(data)[0], firmware=firmware)]
