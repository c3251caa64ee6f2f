"""ChirpStack uplinks as the benchmarks send them: 1.5 kB of JSON, one to three gateways, thousands of devices."""

import base64
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"
GATEWAYS = 22
PROFILE = "Dragino LSE01"
SPACING = timedelta(milliseconds=20)

_UPLINK = (
    '{"deduplicationId":"%(id)s","time":"%(time)s","deviceInfo":{"tenantId":"52f14cd4-c6f1-4fbd-8f87-4025e1d49242",'
    '"tenantName":"Stadt Mainz","applicationId":"' + APPLICATION + '","applicationName":"Stadtbaeume",'
    '"deviceProfileId":"14855bf7-d10d-4aee-b618-ebfcb64dc7ad","deviceProfileName":"' + PROFILE + '",'
    '"deviceName":"Baum MZ-%(number)06d","devEui":"%(eui)s","deviceClassEnabled":"CLASS_A",'
    '"tags":{"art":"Tilia cordata","baum_nr":"MZ-NEU-%(number)06d","stadtteil":"Neustadt"}},"devAddr":"%(addr)s",'
    '"adr":true,"dr":5,"fCnt":%(f_cnt)d,"fPort":2,"confirmed":false,"data":"%(data)s",'
    '"object":{"BatV":3.6,"water_SOIL":"31.42","temp_SOIL":"14.80","conduct_SOIL":346.0},"rxInfo":[%(receptions)s],'
    '"txInfo":{"frequency":868100000,"modulation":{"lora":{"bandwidth":125000,"spreadingFactor":7,'
    '"codeRate":"CR_4_5"}}},"regionConfigId":"eu868"}'
)
_RECEPTION = (
    '{"gatewayId":"7276ff002e0605%02x","uplinkId":%d,"gwTime":"%s","nsTime":"%s","rssi":%d,"snr":%.2f,"channel":%d,'
    '"location":{"latitude":49.99906,"longitude":8.27385,"altitude":131.0},"context":"E3OWOQ==",'
    '"metadata":{"region_common_name":"EU868","region_config_id":"eu868"},"crcStatus":"CRC_OK"}'
)


def dev_eui(number: int) -> str:
    """The DevEUI of device `number`."""
    return f"24e124460e{number:06x}"


def uplink(number: int, *, devices: int, at: datetime) -> tuple[str, bytes]:
    """Topic and payload of message `number`, sent at `at`; devices take turns."""
    device, f_cnt = number % devices, number // devices
    time = at.isoformat(timespec="microseconds").replace("+00:00", "000+00:00")
    payload = struct.pack(">HhHhHB", 3600, 241, 2000 + number % 2000, 1480, 346, 0x10)
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
        "data": base64.b64encode(payload).decode(),
        "receptions": receptions,
    }
    return f"application/{APPLICATION}/device/{dev_eui(device)}/event/up", (_UPLINK % values).encode()


def uplinks(count: int, *, devices: int, end: datetime | None = None) -> Iterator[tuple[str, bytes]]:
    """`count` messages in order of time, `SPACING` apart, the last of them at `end` (default now)."""
    first = (datetime.now(UTC) if end is None else end) - count * SPACING
    for number in range(count):
        yield uplink(number, devices=devices, at=first + number * SPACING + timedelta(microseconds=number % 977))
