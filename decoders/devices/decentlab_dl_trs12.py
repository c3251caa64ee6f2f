"""Decentlab DL-TRS12: soil moisture, temperature and conductivity by a Meter Teros 12 probe.

Layout, any port (1 by default), big-endian:

    0     protocol version, 2
    1-2   device id
    3-4   flags: bit 0 = the probe's words follow, bit 1 = the battery follows; in this order
    then  probe: x0 raw counts * 10, x1 temperature (x1 - 32768) / 10 Cel, x2 conductivity uS/cm
    then  battery, mV

    moisture     = (x0 / 10 * 0.0003879 - 0.6956) m3/m3, for mineral soil; slightly negative in air
    permittivity = (2.887e-9 r^3 - 2.08e-5 r^2 + 5.276e-2 r - 43.39)^2 with r = x0 / 10

There are no fault codes; flags 0002 alone is a battery-only uplink.

Source: Decentlab DL-TRS12 data sheet and decentlab/decentlab-decoders.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.fields import Field, Layout
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, Reading, TreeMoisture
from decoders.uplink import Uplink

_PROTOCOL = 2
_PROBE, _BATTERY_FOLLOWS = 1, 2

_SOIL = Layout(
    6,
    Field("soil_moisture", 0, multiply=3_879, add=-69_560_000, divide=1_000_000),
    Field("soil_temperature", 2, add=-32_768, divide=10),
    Field("conductivity", 4),
)
_BATTERY = Layout(2, Field("battery_voltage", 0, divide=1000))


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    version = data.u8()
    if version != _PROTOCOL:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"protocol version {version}, expected {_PROTOCOL}")
    data.take(2)
    flags = data.u16()
    if flags & ~(_PROBE | _BATTERY_FOLLOWS):
        data.warn(f"blocks of another Decentlab device: flags {flags:04x}")
    readings: list[Reading] = []
    if flags & _PROBE:
        counts = int.from_bytes(data.payload[data.offset : data.offset + 2], "big") / 10
        measured, _ = _SOIL.read(data)
        readings.append(TreeMoisture.of(uplink, measured, permittivity=permittivity(counts)))
    if flags & _BATTERY_FOLLOWS:
        battery, _ = _BATTERY.read(data)
        readings.append(DeviceHealth.of(uplink, battery))
    return readings


def permittivity(counts: float) -> float:
    """Apparent dielectric permittivity of the soil from the Teros 12's raw counts (Meter Group's calibration)."""
    return float((2.887e-9 * counts**3 - 2.08e-5 * counts**2 + 5.276e-2 * counts - 43.39) ** 2)


DECODER = Decoder(
    name="decentlab_dl_trs12",
    version=1,
    vendor="Decentlab",
    model="DL-TRS12",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="Decentlab DL-TRS12 data sheet; decentlab/decentlab-decoders",
    profiles=("Decentlab DL-TRS12", "DL-TRS12", "dl-trs12"),
)
