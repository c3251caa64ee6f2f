"""Tekzitel TEKZIPARK: magnetic and radar parking sensor for one bay, with an optional Bluetooth scan.

Layout by port, big-endian:

    1  status, 3 bytes or more:
         0     bit 7 occupied, bit 5 battery good, bit 4 obstruction, bit 3 radar used, bit 2 no beacon, bit 1 reset,
               bit 0 keep-alive
         1     temperature, i8 Cel
         2     parking id
         3...  signal strength and ids of beacons in the car (only with the scan)
    2  debug, 12 bytes: bytes 0-2 as above; 3-5 deflection, 6-8 baseline; 9 fault code, 0 = none; 10 obstruction;
       11 reflection

A frame with the reset bit is no sighting: its occupancy bit is what the sensor assumes before it has measured, so
`occupied` stays None with STARTUP. A fault code raises SENSOR_FAULT, and `occupied` is None. An obstruction (snow,
leaves, water) is `blocked`. Beacons tell whose car it is and are not kept.

Source: TheThingsNetwork/lorawan-devices vendor/tekzitel (tekzipark.js).
"""

from collections.abc import Callable, Sequence

from decoders.decoder import Decoder
from decoders.reader import ByteReader
from decoders.readings import BayEvent, DeviceHealth, ParkingBay, QualityFlag, Reading
from decoders.uplink import Uplink

_OCCUPIED, _BATTERY_GOOD, _OBSTRUCTION, _RESET, _KEEP_ALIVE = 0x80, 0x20, 0x10, 0x02, 0x01
_FAULT_CODE = 6
"""Place of the fault code in the debug data after the status."""


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return _MESSAGES[uplink.f_port](uplink, data)


def _status(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    status, temperature, _ = data.u8(), data.i8(), data.u8()
    data.rest()
    return _readings(uplink, status, temperature, QualityFlag(0))


def _debug(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    status, temperature, _ = data.u8(), data.i8(), data.u8()
    fault = data.take(9)[_FAULT_CODE]
    if not fault:
        return _readings(uplink, status, temperature, QualityFlag(0))
    data.warn(f"fault code {fault}")
    return _readings(uplink, status, temperature, QualityFlag.SENSOR_FAULT)


def _readings(uplink: Uplink, status: int, temperature: int, flags: QualityFlag) -> Sequence[Reading]:
    event = BayEvent.HEARTBEAT if status & _KEEP_ALIVE else BayEvent.CHANGE
    if status & _RESET:
        event = BayEvent.STARTUP
        flags |= QualityFlag.STARTUP
    occupied = None if flags else bool(status & _OCCUPIED)
    blocked = bool(status & _OBSTRUCTION)
    return (
        ParkingBay.of(uplink, occupied=occupied, event=event, blocked=blocked, flags=flags),
        DeviceHealth.of(uplink, device_temperature=float(temperature), battery_low=not status & _BATTERY_GOOD),
    )


_MESSAGES: dict[int, Callable[[Uplink, ByteReader], Sequence[Reading]]] = {1: _status, 2: _debug}

DECODER = Decoder(
    name="tekzitel_tekzipark",
    version=1,
    vendor="Tekzitel",
    model="TEKZIPARK",
    function=decode,
    kinds=(ParkingBay, DeviceHealth),
    source="TheThingsNetwork/lorawan-devices vendor/tekzitel/tekzipark.js",
    profiles=("Tekzitel TEKZIPARK", "TEKZIPARK", "tekzitel/tekzipark"),
    f_ports=tuple(_MESSAGES),
)
