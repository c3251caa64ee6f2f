"""Libelium Plug & Sense! Smart Parking: magnetic and radar parking sensor for one bay.

Layout, any port, 11 bytes (firmware 1: 12 bytes). All firmware has in common:

    0   bit 7 occupied, bit 6 battery low, bits 3-0 type of frame
    1   frame counter (no reading)

    types: 0 information (a change), 1 keep-alive, 2 daily, 3 error, 4 and 5 start, 6 service, 7 downlink, 8 signal

The rest differs from firmware to firmware, which the frame does not tell. `libelium_smart_parking` reads what is
common; `libelium_smart_parking_v3` is for devices that are known to have firmware 3:

    0   also bit 4 recalibration
    2   types 0 and 1: sensor error, 0 = none       type 4: firmware
    3   types 0 and 1: temperature, i8 Cel

A start frame is no sighting: its occupancy bit is what the sensor assumes before it has measured, so `occupied` stays
None with STARTUP; the same while firmware 3 recalibrates. A sensor error raises SENSOR_FAULT, and `occupied` is None.
An error frame (of an axis, the clock or the radio; firmware 3 has none) repeats the last state: it is kept with
SENSOR_FAULT, without an event, for it is no sighting. Frames of all other types repeat the state like a keep-alive.

Source: Libelium Smart Parking technical guide; ZennerIoT/element-parsers lib/libelium_smart-parking_v3.ex.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import BayEvent, DeviceHealth, ParkingBay, QualityFlag, Reading
from decoders.uplink import Uplink

_SIZE_V1, _SIZE = 12, 11
_INFORMATION, _KEEP_ALIVE, _ERROR, _START_1, _START_2, _LAST_TYPE = 0, 1, 3, 4, 5, 8
_RECALIBRATION = 0x10
_EVENTS: dict[int, BayEvent | None] = {_INFORMATION: BayEvent.CHANGE, _ERROR: None}
"""Why the sensor spoke, by type of frame; all others are heartbeats."""


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    _check_size(data, _SIZE, _SIZE_V1)
    status = data.u8()
    data.rest()
    return _bay(uplink, data, status), DeviceHealth.of(uplink, battery_low=_battery_low(status))


def decode_v3(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    _check_size(data, _SIZE)
    status, _, second, third = data.u8(), data.u8(), data.u8(), data.i8()
    data.rest()
    doubt = QualityFlag.STARTUP if status & _RECALIBRATION else QualityFlag(0)
    health: dict[str, object] = {"battery_low": _battery_low(status)}
    if status & 0xF in (_INFORMATION, _KEEP_ALIVE):
        health["device_temperature"] = float(third)
        if second:
            data.warn(f"sensor error {second}")
            doubt |= QualityFlag.SENSOR_FAULT
    elif status & 0xF == _START_1:
        health["firmware"] = str(second)
    return _bay(uplink, data, status, doubt), DeviceHealth.of(uplink, health)


def _check_size(data: ByteReader, *sizes: int) -> None:
    if data.remaining < min(sizes):
        raise DecodeError(RejectReason.TRUNCATED, f"{data.remaining} bytes, expected {min(sizes)}")
    if data.remaining not in sizes:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"{data.remaining} bytes, expected {max(sizes)}")


def _bay(uplink: Uplink, data: ByteReader, status: int, doubt: QualityFlag = QualityFlag(0)) -> ParkingBay:
    """The bay; `doubt` is what the rest of the frame says against its occupancy bit."""
    kind = status & 0xF
    if kind > _LAST_TYPE:
        data.warn(f"unknown type of frame {kind}")
    if kind in (_START_1, _START_2):
        doubt |= QualityFlag.STARTUP
    event = BayEvent.STARTUP if QualityFlag.STARTUP in doubt else _EVENTS.get(kind, BayEvent.HEARTBEAT)
    occupied = None if doubt else bool(status & 0x80)
    flags = doubt | QualityFlag.SENSOR_FAULT if kind == _ERROR else doubt
    return ParkingBay.of(uplink, occupied=occupied, event=event, flags=flags)


def _battery_low(status: int) -> bool:
    return bool(status & 0x40)


DECODERS = (
    Decoder(
        name="libelium_smart_parking",
        version=1,
        vendor="Libelium",
        model="Plug & Sense! Smart Parking",
        function=decode,
        kinds=(ParkingBay, DeviceHealth),
        source="Libelium Smart Parking technical guide",
        profiles=("Libelium Smart Parking", "Libelium Plug & Sense Smart Parking"),
    ),
    Decoder(
        name="libelium_smart_parking_v3",
        version=1,
        vendor="Libelium",
        model="Plug & Sense! Smart Parking, firmware 3",
        function=decode_v3,
        kinds=(ParkingBay, DeviceHealth),
        source="Libelium Smart Parking technical guide; ZennerIoT/element-parsers lib/libelium_smart-parking_v3.ex",
        profiles=("Libelium Smart Parking v3",),
    ),
)
