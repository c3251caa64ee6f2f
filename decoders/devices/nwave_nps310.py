"""Nwave NPS310SM (G3): parking sensor for one bay, surface mounted.

Layout by port:

    1  status (a change), 1 byte: bit 0 occupied
    2  heartbeat, 1 byte: bit 0 occupied
    3  start-up, 5 bytes: firmware major, minor, patch; reset cause; bit 0 occupied
    6  debug, opaque

Reset causes: 1 watchdog, 2 power-on, 3 user request, 4 brown-out, 5 other; not those of the NPS405.

A start-up frame is no sighting: its occupancy bit is what the sensor assumes before it has measured, so `occupied`
stays None with STARTUP. There are no fault codes. Bits that are not named are reserved and masked.

Source: TheThingsNetwork/lorawan-devices vendor/nwave (nps310sm.js).
"""

from collections.abc import Callable, Sequence

from decoders.decoder import Decoder
from decoders.reader import ByteReader
from decoders.readings import BayEvent, DeviceHealth, ParkingBay, QualityFlag, Reading
from decoders.uplink import Uplink

_RESET_CAUSES = {1: "watchdog", 2: "power_on", 3: "user_request", 4: "brown_out", 5: "other"}


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return _MESSAGES[uplink.f_port](uplink, data)


def _status(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return [ParkingBay.of(uplink, occupied=bool(data.u8() & 1), event=BayEvent.CHANGE)]


def _heartbeat(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return [ParkingBay.of(uplink, occupied=bool(data.u8() & 1), event=BayEvent.HEARTBEAT)]


def _startup(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    major, minor, patch, cause, _ = data.take(5)
    reset_cause = _RESET_CAUSES.get(cause, f"unknown_{cause}")
    health = DeviceHealth.of(uplink, firmware=f"{major}.{minor}.{patch}", reset_cause=reset_cause)
    return ParkingBay.of(uplink, event=BayEvent.STARTUP, flags=QualityFlag.STARTUP), health


def _debug(_: Uplink, data: ByteReader) -> Sequence[Reading]:
    data.rest()
    return []


_MESSAGES: dict[int, Callable[[Uplink, ByteReader], Sequence[Reading]]] = {
    1: _status,
    2: _heartbeat,
    3: _startup,
    6: _debug,
}

DECODER = Decoder(
    name="nwave_nps310",
    version=1,
    vendor="Nwave",
    model="NPS310SM",
    function=decode,
    kinds=(ParkingBay, DeviceHealth),
    source="TheThingsNetwork/lorawan-devices vendor/nwave/nps310sm.js",
    profiles=("Nwave NPS310", "Nwave NPS310SM", "NPS310SM", "nwave/nps310sm"),
    f_ports=tuple(_MESSAGES),
)
