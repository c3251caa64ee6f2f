"""ChirpStack uplinks as the benchmarks send them: 1.5 kB of JSON, one to three gateways, thousands of devices."""

import base64
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from benchmarks.codecs import PROFILE

APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"
GATEWAYS = 22
SPACING = timedelta(milliseconds=20)

_UPLINK = (
    '{"deduplicationId":"%(id)s","time":"%(time)s","deviceInfo":{"tenantId":"52f14cd4-c6f1-4fbd-8f87-4025e1d49242",'
    '"tenantName":"Stadt Mainz","applicationId":"' + APPLICATION + '","applicationName":"Stadtbaeume",'
    '"deviceProfileId":"14855bf7-d10d-4aee-b618-ebfcb64dc7ad","deviceProfileName":"%(profile)s",'
    '"deviceName":"Baum MZ-%(number)06d","devEui":"%(eui)s","deviceClassEnabled":"CLASS_A",'
    '"tags":{"art":"Tilia cordata","baum_nr":"MZ-NEU-%(number)06d","stadtteil":"Neustadt"}},"devAddr":"%(addr)s",'
    '"adr":true,"dr":5,"fCnt":%(f_cnt)d,"fPort":%(f_port)d,"confirmed":false,"data":"%(data)s",'
    '"object":%(object)s,"rxInfo":[%(receptions)s],'
    '"txInfo":{"frequency":868100000,"modulation":{"lora":{"bandwidth":125000,"spreadingFactor":7,'
    '"codeRate":"CR_4_5"}}},"regionConfigId":"eu868"}'
)
_RECEPTION = (
    '{"gatewayId":"7276ff002e0605%02x","uplinkId":%d,"gwTime":"%s","nsTime":"%s","rssi":%d,"snr":%.2f,"channel":%d,'
    '"location":{"latitude":49.99906,"longitude":8.27385,"altitude":131.0},"context":"E3OWOQ==",'
    '"metadata":{"region_common_name":"EU868","region_config_id":"eu868"},"crcStatus":"CRC_OK"}'
)


@dataclass(frozen=True, slots=True)
class Sensor:
    """A device family as the benchmarks send it.

    Attributes:
        payload: the bytes of message number n.
        decoded: what ChirpStack's own codec says, as JSON text; it makes messages as long as real ones.
        table: where its readings go.
    """

    profile: str
    f_port: int
    payload: Callable[[int], bytes]
    decoded: str
    table: str


def _bcd(value: int, size: int) -> bytes:
    return bytes.fromhex(f"{value:0{2 * size}d}")[::-1]


def _heat(number: int) -> bytes:
    """The standard message of an Elvaco CMi4110: eight records."""
    records = (
        (b"\x0c\x06", _bcd(12_474 + number // 5000, 4)), (b"\x0c\x14", _bcd(25_823, 4)), (b"\x0b\x2d", _bcd(133, 3)),
        (b"\x0b\x3b", _bcd(28 + number % 100, 3)), (b"\x0a\x5a", _bcd(668, 2)), (b"\x0a\x5e", _bcd(257, 2)),
        (b"\x0c\x78", _bcd(64_000_000 + number % 5000, 4)), (b"\x02\xfd\x17", b"\0\0"),
    )  # fmt: skip
    return b"\0" + b"".join(head + value for head, value in records)


SENSORS = {
    "parking": Sensor(
        "Nwave NPS405",
        1,
        lambda number: bytes([2 * (number % 60) | number // 5000 % 2]),
        '{"type":"parking_status","occupied":true,"previous_state_duration":34.0,"previous_state_duration_error":0.0}',
        "parking_bay",
    ),
    "soil": Sensor(
        "Dragino LSE01",
        2,
        lambda number: struct.pack(">HhHhHB", 3600, 241, 2000 + number % 2000, 1480, 346, 0x10),
        '{"BatV":3.6,"water_SOIL":"31.42","temp_SOIL":"14.80","conduct_SOIL":346.0}',
        "tree_moisture",
    ),
    "heat": Sensor(
        "Elvaco CMi4110",
        2,
        _heat,
        '{"energy":12474.0,"volume":258.23,"power":1330.0,"flow":0.028,"fw_temp":66.8,"rt_temp":25.7}',
        "heat_meter",
    ),
}
"""One reading per uplink, two (the battery is one), and one that takes long to decode."""
SENSORS["codec"] = replace(SENSORS["soil"], profile=PROFILE)
"""The same payload for a vendor's codec."""


def dev_eui(number: int) -> str:
    """The DevEUI of device `number`."""
    return f"24e124460e{number:06x}"


def uplink(number: int, *, devices: int, at: datetime, sensor: Sensor = SENSORS["parking"]) -> tuple[str, bytes]:
    """Topic and payload of message `number`, sent at `at`; devices take turns."""
    device, f_cnt = number % devices, number // devices
    time = at.isoformat(timespec="microseconds").replace("+00:00", "000+00:00")
    receptions = ",".join(
        _RECEPTION
        % ((number + 7 * n) % GATEWAYS, number * 3 + n, time, time, -90 - n * 9, 7.25 - n * 4, (number + n) % 8)
        for n in range(1 + number % 3)
    )
    values = {
        "id": f"{number:08x}-4401-4b8d-9386-a5c902f9202d",
        "time": time,
        "number": device,
        "eui": dev_eui(device),
        "addr": f"01{device:06x}",
        "f_cnt": f_cnt,
        "profile": sensor.profile,
        "f_port": sensor.f_port,
        "object": sensor.decoded,
        "data": base64.b64encode(sensor.payload(number)).decode(),
        "receptions": receptions,
    }
    return f"application/{APPLICATION}/device/{dev_eui(device)}/event/up", (_UPLINK % values).encode()


def uplinks(count: int, *, devices: int, sensor: Sensor = SENSORS["parking"]) -> Iterator[tuple[str, bytes]]:
    """`count` messages in order of time, `SPACING` apart, the last of them now."""
    first = datetime.now(UTC) - count * SPACING
    for number in range(count):
        at = first + number * SPACING + timedelta(microseconds=number % 977)
        yield uplink(number, devices=devices, at=at, sensor=sensor)
