"""PNI PlacePod: magnetic parking sensor for one bay.

Layout, any port: entries of channel, type and value, one after the other (Cayenne LPP with fixed channels), big-endian:

    15 66   parking status (a change), u8: 0 vacant, 1 occupied
    37 66   keep-alive with the status, u8
    37 00   keep-alive with the vehicle count, u8
    21 00   vehicle count, u8: 0 to 127, then 0 again; from 128 on it stands for a reboot or recalibration
    02 67   temperature, i16 / 10 Cel
    03 02   battery, i16 / 100 V
    01 01   answer to recalibrate, 1C 01 to deactivate, 3F 01 to reboot: u8, 1 = done
    05 00   error code, u8; 06 00 error code, u8

In a payload of several statuses the last one counts, and a change goes before a keep-alive.

After a reboot or recalibration the sensor learns the empty bay anew, so a status beside that event is no sighting:
`occupied` stays None with STARTUP. The answers to commands are sent before that and are no such event. An error code
other than 0 raises SENSOR_FAULT, and `occupied` is None; any other status than 0 and 1 likewise. The sources differ
about 128, the first that is no count: it is an event here.

An unknown entry ends decoding, because its length is unknown: what came before is kept.

Source: PNI PlacePod Sensor Communications Protocol, as in ZennerIoT/element-parsers lib/pni_placepods.ex;
PNI-Cloud/PlacePod-Api.
"""

from collections.abc import Callable, Sequence

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import BayEvent, DeviceHealth, ParkingBay, QualityFlag, Reading
from decoders.uplink import Uplink

_EVENT = 0x80


class _Frame:
    """What the entries of one payload have said so far."""

    __slots__ = ("bay", "flags", "health")

    def __init__(self) -> None:
        self.bay: dict[str, object] = {}
        self.health: dict[str, object] = {}
        self.flags = QualityFlag(0)

    def readings(self, uplink: Uplink) -> Sequence[Reading]:
        if QualityFlag.STARTUP in self.flags:
            self.bay |= {"occupied": None, "event": BayEvent.STARTUP}
        if QualityFlag.SENSOR_FAULT in self.flags:
            self.bay["occupied"] = None
        readings: list[Reading] = [ParkingBay.of(uplink, self.bay, flags=self.flags)] if self.bay else []
        if self.health:
            readings.append(DeviceHealth.of(uplink, self.health))
        return readings


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    frame = _Frame()
    while data.remaining:
        start = data.offset
        take = _ENTRIES.get(data.take(2))
        if take is None:
            data.offset = start
            break
        take(frame, data)
    if not data.offset:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "begins with no entry of this device")
    if data.remaining:
        data.warn(f"unknown entry at offset {data.offset}")
    return frame.readings(uplink)


def _change(frame: _Frame, data: ByteReader) -> None:
    _status(frame, data)
    frame.bay["event"] = BayEvent.CHANGE


def _keep_alive(frame: _Frame, data: ByteReader) -> None:
    _status(frame, data)
    frame.bay.setdefault("event", BayEvent.HEARTBEAT)


def _status(frame: _Frame, data: ByteReader) -> None:
    status = data.u8()
    frame.bay["occupied"] = status == 1
    if status > 1:
        data.warn(f"parking status {status}")
        frame.flags |= QualityFlag.SENSOR_FAULT


def _count(frame: _Frame, data: ByteReader) -> None:
    count = data.u8()
    if count < _EVENT:
        frame.bay["vehicles"] = count
    else:
        frame.flags |= QualityFlag.STARTUP
        frame.bay["event"] = BayEvent.STARTUP


def _counted_keep_alive(frame: _Frame, data: ByteReader) -> None:
    _count(frame, data)
    frame.bay.setdefault("event", BayEvent.HEARTBEAT)


def _temperature(frame: _Frame, data: ByteReader) -> None:
    frame.health["device_temperature"] = data.i16() / 10


def _battery(frame: _Frame, data: ByteReader) -> None:
    frame.health["battery_voltage"] = data.i16() / 100


def _error(frame: _Frame, data: ByteReader) -> None:
    code = data.u8()
    if code:
        data.warn(f"error code {code}")
        frame.flags |= QualityFlag.SENSOR_FAULT
        frame.bay.setdefault("occupied", None)


def _answer(_: _Frame, data: ByteReader) -> None:
    data.take(1)


_ENTRIES: dict[bytes, Callable[[_Frame, ByteReader], None]] = {
    b"\x15\x66": _change,
    b"\x37\x66": _keep_alive,
    b"\x37\x00": _counted_keep_alive,
    b"\x21\x00": _count,
    b"\x02\x67": _temperature,
    b"\x03\x02": _battery,
    b"\x01\x01": _answer,
    b"\x1c\x01": _answer,
    b"\x3f\x01": _answer,
    b"\x05\x00": _error,
    b"\x06\x00": _error,
}

DECODER = Decoder(
    name="pni_placepod",
    version=1,
    vendor="PNI",
    model="PlacePod",
    function=decode,
    kinds=(ParkingBay, DeviceHealth),
    source="PNI PlacePod Sensor Communications Protocol (ZennerIoT/element-parsers, PNI-Cloud/PlacePod-Api)",
    profiles=("PNI PlacePod", "PlacePod"),
)
