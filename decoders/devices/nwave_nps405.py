"""Nwave NPS405SM and NPS405FM (G4): parking sensors for one bay, surface and flush mounted.

Layout by port:

    1  status (a change), 1 byte: bit 0 occupied, bits 7-1 duration code of the state before
    2  heartbeat, 6 bytes: bit 0 of byte 0 occupied, other bits hardware health; battery (2500 + 4 * b1) mV;
       temperature i8 / 2 + 10 Cel, its minimum and maximum; current * 10 uA
    3  start-up, 5 bytes: firmware major, minor, patch; reset cause; bit 0 occupied
    6  debug, opaque
    10 user registration, 5 bytes: byte 0 as on port 1 when bit 0 is set, else no state; tag id u32

Duration codes, minutes: 0-89 exact; 90-119 = 90 + 5 * (c - 90); 120-126 = 240 + 60 * (c - 120); 127 = 660 or more.
From 90 on the minutes are the lower end of a step.

Reset causes: 0 rejoin, 1 watchdog, 2 power-on, 3 user request, 6 brown-out, 7 other.

A start-up frame is no sighting: its occupancy bit is what the sensor assumes before it has measured, so `occupied`
stays None with STARTUP. The tag id of a registration is personal and not kept. There are no fault codes; hardware
health bits are reported as a warning, because their meaning is not public.

Source: TheThingsNetwork/lorawan-devices vendor/nwave (nps405.js).
"""

from collections.abc import Callable, Sequence

from decoders.decoder import Decoder
from decoders.fields import Field, Layout
from decoders.reader import ByteReader
from decoders.readings import BayEvent, DeviceHealth, ParkingBay, QualityFlag, Reading
from decoders.uplink import Uplink

_RESET_CAUSES = {
    0: "rejoin",
    1: "watchdog",
    2: "power_on",
    3: "user_request",
    6: "brown_out",
    7: "other",
}
_HEALTH = Layout(
    5,
    Field("battery_voltage", 0, 1, multiply=4, add=2500, divide=1000),
    Field("device_temperature", 1, 1, signed=True, add=20, divide=2),
)


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return _MESSAGES[uplink.f_port](uplink, data)


def _status(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return [_change(uplink, data.u8())]


def _change(uplink: Uplink, status: int) -> ParkingBay:
    return ParkingBay.of(
        uplink, occupied=bool(status & 1), event=BayEvent.CHANGE, previous_duration=minutes(status >> 1)
    )


def _heartbeat(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    status = data.u8()
    if status >> 1:
        data.warn(f"hardware health bits {status >> 1:02x}")
    health, _ = _HEALTH.read(data)
    bay = ParkingBay.of(uplink, occupied=bool(status & 1), event=BayEvent.HEARTBEAT)
    return bay, DeviceHealth.of(uplink, health)


def _startup(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    major, minor, patch, cause, _ = data.take(5)
    reset_cause = _RESET_CAUSES.get(cause, f"unknown_{cause}")
    health = DeviceHealth.of(uplink, firmware=f"{major}.{minor}.{patch}", reset_cause=reset_cause)
    return ParkingBay.of(uplink, event=BayEvent.STARTUP, flags=QualityFlag.STARTUP), health


def _registration(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    status = data.u8()
    data.take(4)
    return [_change(uplink, status)] if status & 1 else []


def _debug(_: Uplink, data: ByteReader) -> Sequence[Reading]:
    data.rest()
    return []


def minutes(code: int) -> float:
    """Minutes of a duration code (7 bits); from 90 on the lower end of the step."""
    if code < 90:
        return float(code)
    if code < 120:
        return 90.0 + 5 * (code - 90)
    return 240.0 + 60 * (code - 120)


_MESSAGES: dict[int, Callable[[Uplink, ByteReader], Sequence[Reading]]] = {
    1: _status,
    2: _heartbeat,
    3: _startup,
    6: _debug,
    10: _registration,
}

DECODER = Decoder(
    name="nwave_nps405",
    version=1,
    vendor="Nwave",
    model="NPS405SM/FM",
    function=decode,
    kinds=(ParkingBay, DeviceHealth),
    source="TheThingsNetwork/lorawan-devices vendor/nwave/nps405.js",
    profiles=(
        "Nwave NPS405",
        "Nwave NPS405SM",
        "Nwave NPS405FM",
        "NPS405SM",
        "NPS405FM",
        "nwave/nps405sm",
        "nwave/nps405fm",
    ),
    f_ports=tuple(_MESSAGES),
)
