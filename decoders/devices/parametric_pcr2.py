"""Parametric PCR2: radar that counts who passes from left to right and from right to left.

Layout by port, big-endian:

    14   counts, in one of three forms:
         BE 01 04, 17 bytes: left to right u16, right to left u16 since the last uplink; both since power-up, u16 each;
             solar battery u16 mV; solar power u16 mW; processor i16 / 10 Cel
         BE 01 03, 16 bytes: the same with the solar battery as u8 %
         tags of one byte with 16 bits: 0A left to right, 16 right to left, 01 processor i16 / 10 Cel; early firmware
             has 0A for both directions
    190  configuration, 14 bytes or BE 01 and a version (20, 31, 34 or 35 bytes): kind of device; firmware major, minor,
         patch; settings

Left to right is direction A. The sums are u16: they wrap and begin anew at power-up. A solar battery of 0 with a solar
power of 0 means that there is no solar charger. There are no fault codes.

A payload in Cayenne LPP, to which the device can be set, says the same in other numbers and is refused by name.

Source: Parametric PCR2 application payload v2 to v4; TheThingsNetwork/lorawan-devices vendor/parametric;
ZennerIoT/element-parsers lib/parametric_pcr2.ex. The vendor's codec floors the temperature to whole degrees.
"""

from collections.abc import Mapping, Sequence

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.fields import Field, Layout
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, Reading
from decoders.uplink import Uplink

_COUNTS = 14
_LEFT_TO_RIGHT, _RIGHT_TO_LEFT, _PROCESSOR = 0x0A, 0x16, 0x01
_V3, _V4 = b"\xbe\x01\x03", b"\xbe\x01\x04"
_HEADER = b"\xbe\x01"
_LPP = b"\x00\x66"
_CONFIGURATION_SIZES = {14: 1, 20: 4, 31: 4, 34: 4, 35: 4}
"""Place of the firmware by size of the configuration."""

_SOLAR_GAUGE = Layout(5, Field("battery_level", 0, 1), Field("device_temperature", 3, signed=True, divide=10))
_SOLAR_VOLTAGE = Layout(
    6, Field("battery_voltage", 0, divide=1000), Field("device_temperature", 4, signed=True, divide=10)
)


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if uplink.f_port != _COUNTS:
        return _configuration(uplink, data)
    if data.peek() == _LEFT_TO_RIGHT:
        return _tagged(uplink, data)
    form = data.take(3)
    if form in _SOLAR:
        return _sums(uplink, data, _SOLAR[form])
    if form.startswith(_LPP):
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "set to Cayenne LPP; set it to the PCR2's own payload")
    raise DecodeError(RejectReason.INVALID_PAYLOAD, f"no payload begins with {form.hex()}")


def _sums(uplink: Uplink, data: ByteReader, solar: Layout) -> Sequence[Reading]:
    counts = {name: data.u16() for name in ("entered_period", "exited_period", "entered", "exited")}
    no_charger = not any(data.payload[data.offset : data.offset + solar.size - 2])
    health, _ = solar.read(data)
    if no_charger:
        health |= {"battery_level": None, "battery_voltage": None}
    return PeopleCount.of(uplink, counts), DeviceHealth.of(uplink, health)


def _tagged(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    counts: dict[str, object] = {}
    health: dict[str, object] = {}
    while data.remaining:
        tag = data.u8()
        if tag == _PROCESSOR:
            health["device_temperature"] = data.i16() / 10
        elif tag == _LEFT_TO_RIGHT and not counts:
            counts["entered_period"] = data.u16()
        elif tag in (_LEFT_TO_RIGHT, _RIGHT_TO_LEFT):
            counts["exited_period"] = data.u16()
        else:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, f"no tag {tag:02x}")
    people = PeopleCount.of(uplink, counts)
    return [people, DeviceHealth.of(uplink, health)] if health else [people]


def _configuration(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if data.remaining not in _CONFIGURATION_SIZES:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"no configuration has {data.remaining} bytes")
    at = _CONFIGURATION_SIZES[data.remaining]
    configuration = data.rest()
    if at > len(_HEADER) and not configuration.startswith(_HEADER):
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "no configuration of this device")
    firmware = ".".join(str(part) for part in configuration[at : at + 3])
    return [DeviceHealth.of(uplink, firmware=firmware)]


_SOLAR: Mapping[bytes, Layout] = {_V3: _SOLAR_GAUGE, _V4: _SOLAR_VOLTAGE}

DECODER = Decoder(
    name="parametric_pcr2",
    version=1,
    vendor="Parametric",
    model="PCR2",
    function=decode,
    kinds=(PeopleCount, DeviceHealth),
    source="Parametric PCR2 application payload v2 to v4; TheThingsNetwork/lorawan-devices vendor/parametric",
    profiles=(
        "Parametric PCR2",
        "PCR2",
        "PCR2-OD",
        "PCR2-IN",
        "parametric/pcr2",
        "parametric/pcr2-id",
        "parametric/pcr2-od",
        "parametric/pcr2-ods",
    ),
    f_ports=(_COUNTS, 190),
)
