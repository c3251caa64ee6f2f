"""Nwave NCC405: counts vehicles that pass, at the way into a car park; it knows no bay.

Layout by port, big-endian:

    1  vehicles since start, u16
    2  heartbeat, 3 bytes: hardware health (7 bits); battery (2500 + 4 * b1) mV; its mean of 24 hours, same scale
    3  start-up, 4 bytes: firmware major, minor, patch; reset cause

Reset causes are those of the NPS310SM. The count is u16 and begins anew with the device.

There are no fault codes; hardware health bits are reported as a warning, because their meaning is not public.

Source: TheThingsNetwork/lorawan-devices vendor/nwave (ncc405.js).
"""

from collections.abc import Callable, Sequence

from decoders.decoder import Decoder
from decoders.fields import Field, Layout
from decoders.reader import ByteReader
from decoders.readings import BayEvent, DeviceHealth, ParkingBay, QualityFlag, Reading
from decoders.uplink import Uplink

_RESET_CAUSES = {1: "watchdog", 2: "power_on", 3: "user_request", 4: "brown_out", 5: "other"}
_BATTERY = Layout(2, Field("battery_voltage", 0, 1, multiply=4, add=2500, divide=1000))


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return _MESSAGES[uplink.f_port](uplink, data)


def _count(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return [ParkingBay.of(uplink, vehicles=data.u16())]


def _heartbeat(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    health = data.u8() & 0x7F
    if health:
        data.warn(f"hardware health bits {health:02x}")
    measured, _ = _BATTERY.read(data)
    return [DeviceHealth.of(uplink, measured)]


def _startup(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    major, minor, patch, cause = data.take(4)
    reset_cause = _RESET_CAUSES.get(cause, f"unknown_{cause}")
    health = DeviceHealth.of(uplink, firmware=f"{major}.{minor}.{patch}", reset_cause=reset_cause)
    return ParkingBay.of(uplink, event=BayEvent.STARTUP, flags=QualityFlag.STARTUP), health


_MESSAGES: dict[int, Callable[[Uplink, ByteReader], Sequence[Reading]]] = {1: _count, 2: _heartbeat, 3: _startup}

DECODER = Decoder(
    name="nwave_ncc405",
    version=1,
    vendor="Nwave",
    model="NCC405",
    function=decode,
    kinds=(ParkingBay, DeviceHealth),
    source="TheThingsNetwork/lorawan-devices vendor/nwave/ncc405.js",
    profiles=("Nwave NCC405", "NCC405", "nwave/ncc405sm", "nwave/ncc405fm"),
    f_ports=tuple(_MESSAGES),
)
