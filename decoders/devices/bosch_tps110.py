"""Bosch parking lot sensor TPS110 and TPL110-0292 (EU868): magnetometer and radar, one bay.

Layout by port; bits that are not named are reserved and masked:

    1  parking status (a change), 1 byte: bit 0 occupied
    2  heartbeat, 1 or 2 bytes: bit 0 occupied; byte 1 temperature i8 Cel (only if switched on)
    3  start-up, 17 bytes: three debug records of 4 bytes (code = byte 0 and the low nibble of byte 1, little-endian,
       0 = none); 12-14 firmware major, minor, patch; 15 reset cause; bit 0 of 16 occupied
    4  device information: 3 bytes firmware, or 11 bytes URN (no reading)
    5  device usage: byte 0 says which counter (0-6), then 4, 18 or 7 bytes (no reading)
    6  debug, 10 bytes: time u32, code as above at 4, sequence number u16 at 8, little-endian (no reading)
    7  temperature alert: i8 Cel

Reset causes: 1 watchdog, 2 power-on, 3 system request, 4 external pin, 5 lockup, 6 brown-out, 7 other. Debug codes
are reported as warnings; 208-217 repeat the reset cause, 404 is a recalibration.

A start-up frame is no sighting: its occupancy bit is what the sensor assumes before it has measured, so `occupied`
stays None with STARTUP. The counters of port 5 changed their byte order with a firmware and stay raw.

Source: Bosch PLS Communication Interface, Technical Description V0.29.4; TheThingsNetwork/lorawan-devices vendor/bosch.
"""

from collections.abc import Callable, Sequence

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import BayEvent, DeviceHealth, ParkingBay, QualityFlag, Reading
from decoders.uplink import Uplink

_RESET_CAUSES = {
    1: "watchdog",
    2: "power_on",
    3: "system_request",
    4: "external_pin",
    5: "lockup",
    6: "brown_out",
    7: "other",
}
_FIRMWARE_SIZE, _URN_SIZE = 3, 11
_USAGE_SIZES = {0: 4, 1: 4, 2: 18, 3: 4, 4: 4, 5: 7, 6: 4}
"""Bytes of each usage counter after the byte that names it."""


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return _MESSAGES[uplink.f_port](uplink, data)


def _status(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return [ParkingBay.of(uplink, occupied=bool(data.u8() & 1), event=BayEvent.CHANGE)]


def _heartbeat(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    bay = ParkingBay.of(uplink, occupied=bool(data.u8() & 1), event=BayEvent.HEARTBEAT)
    return [bay, *_temperature(uplink, data)] if data.remaining else [bay]


def _startup(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    for _ in range(3):
        _warn_of_debug_code(data)
    firmware, cause = _version(data), data.u8()
    data.take(1)
    reset_cause = _RESET_CAUSES.get(cause, f"unknown_{cause}")
    return (
        ParkingBay.of(uplink, event=BayEvent.STARTUP, flags=QualityFlag.STARTUP),
        DeviceHealth.of(uplink, firmware=firmware, reset_cause=reset_cause),
    )


def _information(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if data.remaining == _FIRMWARE_SIZE:
        return [DeviceHealth.of(uplink, firmware=_version(data))]
    data.take(_URN_SIZE)
    return []


def _usage(_: Uplink, data: ByteReader) -> Sequence[Reading]:
    counter = data.u8()
    if counter not in _USAGE_SIZES:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"no usage counter {counter}")
    data.take(_USAGE_SIZES[counter])
    return []


def _debug(_: Uplink, data: ByteReader) -> Sequence[Reading]:
    data.take(4)
    _warn_of_debug_code(data)
    data.take(2)
    return []


def _temperature(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return [DeviceHealth.of(uplink, device_temperature=float(data.i8()))]


def _version(data: ByteReader) -> str:
    return ".".join(str(part) for part in data.take(_FIRMWARE_SIZE))


def _warn_of_debug_code(data: ByteReader) -> None:
    code = data.unsigned(4, "little") & 0xFFF
    if code:
        data.warn(f"debug code {code}")


_MESSAGES: dict[int, Callable[[Uplink, ByteReader], Sequence[Reading]]] = {
    1: _status,
    2: _heartbeat,
    3: _startup,
    4: _information,
    5: _usage,
    6: _debug,
    7: _temperature,
}

DECODER = Decoder(
    name="bosch_tps110",
    version=1,
    vendor="Bosch",
    model="TPS110 / TPL110-0292",
    function=decode,
    kinds=(ParkingBay, DeviceHealth),
    source="Bosch PLS Communication Interface V0.29.4; TheThingsNetwork/lorawan-devices vendor/bosch/tpl110-0292.js",
    profiles=(
        "Bosch TPS110",
        "Bosch TPS110 EU",
        "Bosch TPS110 EU868",
        "TPS110",
        "TPL110-0292",
        "bosch/tps110",
        "bosch/tps110-0292",
    ),
    f_ports=tuple(_MESSAGES),
)
