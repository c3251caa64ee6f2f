"""A ChirpStack v4 as seen on MQTT: topics and JSON of the events of its devices, byte for byte in its form.

The rules of its JSON: fields of an event and of `deviceInfo` are always there; `object` is absent without a codec;
the order of tags is random. `up` events are written in `uplinks.py`.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from uuid import UUID, uuid5

from stadtfunk.demo.deliveries import Dropped
from stadtfunk.demo.device import Application, Device
from stadtfunk.demo.settings import NetworkSettings
from stadtfunk.demo.stamps import rfc3339

_NAMESPACE = UUID("6f1f0f0e-7c0a-5f0e-9d2b-0d6c1b8f5a10")


@cache
def application_ids() -> dict[Application, str]:
    """The UUIDs of the applications, as they stand in the topics."""
    return {application: _stable_id(f"application {application}") for application in Application}


def topic(device: Device, event: str) -> bytes:
    """The topic of an event of a device."""
    return f"application/{application_ids()[device.application]}/device/{device.dev_eui}/event/{event}".encode()


def device_info(settings: NetworkSettings, device: Device) -> tuple[bytes, bytes]:
    """`deviceInfo` with its tags in two orders."""
    orders = (device.tags, dict(reversed(list(device.tags.items()))))
    first, second = (compact(_info(settings, device, tags)) for tags in orders)
    return first, second


def compact(value: Mapping[str, object]) -> bytes:
    """JSON without spaces, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@cache
def _stable_id(name: str) -> str:
    return str(uuid5(_NAMESPACE, name))


class NetworkServer:
    """Writes the events of the city's devices that are no uplinks."""

    def __init__(self, settings: NetworkSettings, devices: Sequence[Device]) -> None:
        self._region = settings.region.encode()
        self._info = [device_info(settings, device)[0] for device in devices]

    def join(self, device: int, at: int, *, address: int, identity: bytes) -> bytes:
        """A `join` event, published with the first uplink after an over-the-air activation."""
        return b'{"deduplicationId":"%b","time":"%b","deviceInfo":%b,"devAddr":"%08x","regionConfigId":"%b"}' % (
            identity,
            rfc3339(at | 1),
            self._info[device],
            address,
            self._region,
        )

    def status(self, device: int, at: int, *, margin: int, battery: float, identity: bytes) -> bytes:
        """A `status` event: link margin in dB and battery in percent."""
        return (
            b'{"deduplicationId":"%b","time":"%b","deviceInfo":%b,"margin":%d,"externalPowerSource":false,'
            b'"batteryLevelUnavailable":false,"batteryLevel":%b}'
        ) % (identity, rfc3339(at | 1), self._info[device], margin, str(battery).encode())

    def log(self, device: int, drop: Dropped, *, f_cnt: int, identity: bytes) -> bytes:
        """A `log` event about a frame that was not published because of its counter."""
        code, description = (
            (b"UPLINK_F_CNT_RETRANSMISSION", b"Uplink was flagged as re-transmission / frame-counter did not increment")
            if drop.repeats
            else (b"UPLINK_F_CNT_RESET", b"Frame-counter reset or rollover detected")
        )
        return (
            b'{"time":"%b","deviceInfo":%b,"level":"WARNING","code":"%b","description":"%b",'
            b'"context":{"deduplication_id":"%b","f_cnt_up":"%d"}}'
        ) % (rfc3339(drop.at | 1), self._info[device], code, description, identity, f_cnt)


def _info(settings: NetworkSettings, device: Device, tags: Mapping[str, str]) -> dict[str, object]:
    return {
        "tenantId": _stable_id(f"tenant {settings.tenant_name}"),
        "tenantName": settings.tenant_name,
        "applicationId": application_ids()[device.application],
        "applicationName": device.application.value,
        "deviceProfileId": _stable_id(f"profile {device.profile}"),
        "deviceProfileName": device.profile,
        "deviceName": device.name,
        "devEui": device.dev_eui,
        "deviceClassEnabled": "CLASS_A",
        "tags": dict(tags),
    }
