"""IMBuildings people counter (and the same vendor's comfort sensor): light barrier with two directions.

Layout, big-endian: with a header on any port, or the body alone on the port that names it. The header is a type
(02 people counter), a variant (5 to 8) and a device id of 8 bytes.

    variant 5          device status u8, battery u16 / 100 V, A and B since the last uplink u16 each, sensor status u8,
                       payload counter u8
    variant 6, port 26 device status u8, battery u16 / 100 V, A and B since the last uplink u16 each, sensor status u8,
                       A and B since start u16 each, payload counter u8
    variant 7, port 27 sensor status u8, A and B since start u16 each
    variant 8, port 28 device status u8, battery u16 / 100 V, sensor status u8
    port 10            answer to a downlink, begins with F1 01 (no reading)
    port 13            comfort sensor: status u8, battery u16 / 100 V, temperature, humidity, CO2 u16 each, presence u8;
                       only the battery is read here (the vendor's codec expects 7 bytes and refuses all)

Totals are u16: they wrap at 65536. The meaning of status bits is not public: they are reported as a warning.

Source: TheThingsNetwork/lorawan-devices vendor/imbuildings (imbuildings-decoder.js); IMBUILDINGS/PayloadParser.
"""

from collections.abc import Callable, Sequence

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, Reading
from decoders.uplink import Uplink

_PEOPLE_COUNTER, _ID_SIZE = 2, 8
_ANSWER = b"\xf1\x01"


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if _has_header(data.payload):
        _, variant = data.take(2)
        data.take(_ID_SIZE)
        body = _VARIANTS[variant]
    elif uplink.f_port in _PORTS:
        body = _PORTS[uplink.f_port]
    else:
        raise DecodeError(RejectReason.UNKNOWN_PORT, f"no header, and no payload without one on port {uplink.f_port}")
    readings = body(uplink, data)
    if data.remaining:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"{data.remaining} bytes too many")
    return readings


def _has_header(payload: bytes) -> bool:
    """Header and body have a fixed size together, which no body alone has."""
    return payload[:1] == bytes((_PEOPLE_COUNTER,)) and payload[1:2] != b"" and len(payload) == _SIZES.get(payload[1])


def _interval(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    health = _health(uplink, data)
    counts = {"entered_period": data.u16(), "exited_period": data.u16()}
    _status(data, "sensor")
    data.take(1)
    return PeopleCount.of(uplink, counts), health


def _interval_and_totals(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    health = _health(uplink, data)
    counts = {"entered_period": data.u16(), "exited_period": data.u16()}
    _status(data, "sensor")
    counts |= {"entered": data.u16(), "exited": data.u16()}
    data.take(1)
    return PeopleCount.of(uplink, counts), health


def _totals(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    _status(data, "sensor")
    return [PeopleCount.of(uplink, entered=data.u16(), exited=data.u16())]


def _heartbeat(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    health = _health(uplink, data)
    _status(data, "sensor")
    return [health]


def _comfort(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    health = _health(uplink, data)
    data.take(7)
    return [health]


def _answer(_: Uplink, data: ByteReader) -> Sequence[Reading]:
    if data.take(2) != _ANSWER:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "no answer to a downlink")
    data.rest()
    return []


def _health(uplink: Uplink, data: ByteReader) -> DeviceHealth:
    _status(data, "device")
    return DeviceHealth.of(uplink, battery_voltage=data.u16() / 100)


def _status(data: ByteReader, whose: str) -> None:
    status = data.u8()
    if status:
        data.warn(f"{whose} status {status:02x}")


_VARIANTS: dict[int, Callable[[Uplink, ByteReader], Sequence[Reading]]] = {
    5: _interval,
    6: _interval_and_totals,
    7: _totals,
    8: _heartbeat,
}
_SIZES = {5: 19, 6: 23, 7: 15, 8: 14}
"""Bytes of header and body by variant."""
_PORTS = {10: _answer, 13: _comfort, 26: _interval_and_totals, 27: _totals, 28: _heartbeat}

DECODER = Decoder(
    name="imbuildings_people_counter",
    version=1,
    vendor="IMBuildings",
    model="People Counter",
    function=decode,
    kinds=(PeopleCount, DeviceHealth),
    source="TheThingsNetwork/lorawan-devices vendor/imbuildings/imbuildings-decoder.js; IMBUILDINGS/PayloadParser",
    profiles=(
        "IMBuildings People Counter",
        "imbuildings/people-counter",
        "imbuildings/imbuildings-people-counter",
    ),
)
