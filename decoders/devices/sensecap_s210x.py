"""Seeed SenseCAP S2104 and S2105 (and the first generation's soil probes): soil moisture, temperature, conductivity.

Layout, any port: frames of seven bytes, then two bytes of checksum. A frame is channel u8, data id u16 and four bytes,
little-endian. Ids from 4097 are measurements, i32 / 1000:

    4097   air temperature, Cel              4098   air humidity, %
    4102   soil temperature, Cel             4103   soil moisture, %vol
    4108   conductivity, dS/m                4110   soil moisture, %vol
    4111   conductivity, dS/m                4112   soil temperature, Cel

The others are about the device:

    0      versions: software minor, major, hardware minor, major
    7      battery u16 %, interval u16 minutes
    288    the sensor was removed: NO_SENSOR
    1-6, 9 sensor version, the sensor's EUI in halves, model (no reading)

Channels count from 1 in the payload and from 0 here. 4110-4112 are the ids of probes that measure all three. Further
ids are of other products: they give a warning.

The checksum (CRC-16 with the polynomial 8408 reflected, start 0, over the whole payload gives 0) only warns: the
network has authenticated the frame, the vendor's codecs do not look at it, and some published examples have 0000.

Source: SenseCAP S210x user guide; Seeed-Solution/SenseCAP-Decoder S210X; list of measurement ids.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, QualityFlag, Reading, TreeMoisture
from decoders.uplink import Uplink

_FRAME, _CHECKSUM = 7, 2
_FIRST_MEASUREMENT = 4097
_VERSION, _BATTERY, _REMOVED = 0, 7, 288
_SILENT = frozenset((1, 2, 3, 4, 5, 6, 9))
_MEASUREMENTS = {
    4097: ("air_temperature", 1000),
    4098: ("air_humidity", 1000),
    4102: ("soil_temperature", 1000),
    4103: ("soil_moisture", 1000),
    4108: ("conductivity", 1),
    4110: ("soil_moisture", 1000),
    4111: ("conductivity", 1),
    4112: ("soil_temperature", 1000),
}
"""Field and divisor; a thousandth of a dS/m is a uS/cm."""


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    size = data.remaining - _CHECKSUM
    if size <= 0 or size % _FRAME:
        raise DecodeError(
            RejectReason.INVALID_PAYLOAD, f"{data.remaining} bytes are no frames of 7 and a checksum of 2"
        )
    if _checksum(data.payload):
        data.warn("checksum is wrong")
    soil: dict[int, dict[str, object]] = {}
    health: dict[str, object] = {}
    removed: set[int] = set()
    for _ in range(size // _FRAME):
        channel = max(data.u8() - 1, 0)
        identifier = data.u16_le()
        if identifier in _MEASUREMENTS:
            name, divisor = _MEASUREMENTS[identifier]
            soil.setdefault(channel, {})[name] = data.signed(4, "little") / divisor
        elif identifier == _REMOVED:
            data.take(4)
            removed.add(channel)
        else:
            health |= _device(identifier, data)
    data.take(_CHECKSUM)
    return [*_soil(uplink, soil, removed), *([DeviceHealth.of(uplink, health)] if health else [])]


def _soil(uplink: Uplink, soil: dict[int, dict[str, object]], removed: set[int]) -> list[Reading]:
    """One reading for each channel that measured something or lost its sensor."""
    return [
        TreeMoisture.of(
            uplink,
            soil.get(channel, {}),
            flags=QualityFlag.NO_SENSOR if channel in removed else QualityFlag(0),
            channel=channel,
        )
        for channel in sorted(soil.keys() | removed)
    ]


def _device(identifier: int, data: ByteReader) -> dict[str, object]:
    """What a frame that is no measurement of ours says about the device."""
    if identifier == _VERSION:
        minor, major, _, _ = data.take(4)
        return {"firmware": f"{major}.{minor}"}
    if identifier == _BATTERY:
        level, _ = data.u16_le(), data.u16_le()
        return {"battery_level": float(level)}
    data.take(4)
    if identifier not in _SILENT:
        what = "measurement" if identifier >= _FIRST_MEASUREMENT else "data"
        data.warn(f"{what} {identifier} is not of a soil probe")
    return {}


def _checksum(payload: bytes) -> int:
    """CRC-16/KERMIT; 0 over a payload with its checksum."""
    remainder = 0
    for byte in payload:
        remainder = (remainder >> 8) ^ _TABLE[(remainder ^ byte) & 0xFF]
    return remainder


def _row(remainder: int) -> int:
    for _ in range(8):
        remainder = (remainder >> 1) ^ (0x8408 if remainder & 1 else 0)
    return remainder


_TABLE = [_row(byte) for byte in range(256)]

DECODER = Decoder(
    name="sensecap_s210x",
    version=1,
    vendor="Seeed SenseCAP",
    model="S2104 / S2105",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="SenseCAP S210x user guide; Seeed-Solution/SenseCAP-Decoder S210X",
    profiles=(
        "SenseCAP S2104",
        "SenseCAP S2105",
        "S2104",
        "S2105",
        "sensecap/sensecaps2104-soil-moisture-temp",
        "sensecap/sensecaps2105-soll-moisture-temp-ec",
        "sensecap/sensecap-soil-th",
    ),
)
