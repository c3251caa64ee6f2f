"""`up` events of a ChirpStack v4, written fast: what is the same in all uplinks of a device is written once.

Inside `rxInfo`, `txInfo` and `location` zeros are omitted; the order of receptions is random; a time has no fraction
or 3, 6 or 9 digits of it. The event's `time` is the first satellite time found, else the first gateway clock that is
less than 30 s off, else the server's own.
"""

from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass

from stadtfunk.demo.clock import DAY, SECOND
from stadtfunk.demo.deliveries import Deliveries
from stadtfunk.demo.device import Device, Frames, Integers
from stadtfunk.demo.network_server import compact, device_info, topic
from stadtfunk.demo.outages import ClockErrors
from stadtfunk.demo.places import Gateway, GatewayClock
from stadtfunk.demo.settings import NetworkSettings
from stadtfunk.demo.stamps import rfc3339, rfc3339_us, uuid_text

CHANNELS_HZ = (868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000)
GPS_EPOCH = 3657 * DAY - 18 * SECOND
"""1980-01-06 on the satellites' time scale, which has no leap seconds: 18 s ahead of UTC since 2017."""
_GPS_EPOCH_US = GPS_EPOCH // 1000
_DRIFT = 30 * SECOND
_SNR = {step / 4: b'"snr":%b,' % str(step / 4).encode() if step else b"" for step in range(-200, 61)}
_CHANNEL = [b'"channel":%d,' % channel if channel else b"" for channel in range(len(CHANNELS_HZ))]


@dataclass(slots=True)
class Headers:
    """What a frame carries beside its payload, one row per frame; `channel` is an index into `CHANNELS_HZ`."""

    f_cnt: Integers
    address: Integers
    spreading_factor: Integers
    channel: Integers


class UplinkTemplates:
    """The constant text of uplinks: two orders of tags per device, one copy per gateway."""

    def __init__(self, settings: NetworkSettings, devices: Sequence[Device], gateways: Sequence[Gateway]) -> None:
        self.topics = [topic(device, "up") for device in devices]
        self.bodies = [_bodies(settings, device) for device in devices]
        self.copies = [_copy(settings, gateway) for gateway in gateways]
        self.clocks = [gateway.clock for gateway in gateways]


class UplinkWriter:
    """The `up` events of one day, each written when it is asked for."""

    def __init__(
        self,
        templates: UplinkTemplates,
        frames: Frames,
        headers: Headers,
        deliveries: Deliveries,
        identities: bytes,
        errors: ClockErrors,
    ) -> None:
        self._templates = templates
        self._identities = identities
        self._payload = frames.payload
        self._decoded = frames.decoded
        self._device = frames.device.tolist()
        self._f_port = frames.f_port.tolist()
        self._f_cnt = headers.f_cnt.tolist()
        self._address = headers.address.tolist()
        self._spreading_factor = headers.spreading_factor.tolist()
        self._channel = headers.channel.tolist()
        columns = (deliveries.frame, deliveries.identity, deliveries.published_at, deliveries.first, deliveries.last)
        self._events = list(zip(*(column.tolist() for column in columns), strict=True))
        receptions = deliveries.receptions
        gateway = receptions.gateway
        heard_at = frames.sent_at[receptions.frame] // 1000 | 1  # odd: the fraction always needs all six digits
        clock, satellite = heard_at + errors.clock[gateway] // 1000, heard_at + errors.satellite[gateway] // 1000
        columns = (gateway, receptions.rssi, deliveries.ns_time, clock, satellite)
        self._copies = list(zip(*(column.tolist() for column in columns), receptions.snr.tolist(), strict=True))

    def write(self, number: int) -> tuple[bytes, bytes]:
        """Topic and JSON of one event."""
        frame, identity, published_at, first, last = self._events[number]
        device = self._device[frame]
        factor = self._spreading_factor[frame]
        channel = self._channel[frame]
        copies, time = self._receptions(first, last, published_at, _CHANNEL[channel])
        decoded = self._decoded[frame]
        body = self._templates.bodies[device][identity & 1] % (
            uuid_text(self._identities, identity),
            time,
            self._address[frame],
            12 - factor,
            self._f_cnt[frame],
            self._f_port[frame],
            b2a_base64(self._payload[frame], newline=False),
            b'"object":%b,' % decoded if decoded else b"",
            copies,
            CHANNELS_HZ[channel],
            factor,
        )
        return self._templates.topics[device], body

    def _receptions(self, first: int, last: int, published_at: int, channel: bytes) -> tuple[bytes, bytes]:
        """The items of `rxInfo` and the event's time."""
        templates, clocks = self._templates.copies, self._templates.clocks
        items: list[bytes] = []
        credible = trusted = 0
        for gateway, rssi, ns_time, clock, satellite, snr in self._copies[first:last]:
            gateway_time = since = b""
            kind = clocks[gateway]
            if kind is not GatewayClock.NONE:
                gateway_time = b'"gwTime":"%b",' % rfc3339_us(clock)
                if not credible and abs(clock * 1000 - ns_time) < _DRIFT:
                    credible = clock
            if kind is GatewayClock.GPS:
                trusted = trusted or satellite
                since = b'"timeSinceGpsEpoch":"%d.%06ds",' % divmod(satellite - _GPS_EPOCH_US, 1_000_000)
            uplink_id = (ns_time >> 10) & 0xFFFFFFFF
            items.append(
                templates[gateway] % (uplink_id, gateway_time, rfc3339(ns_time), since, rssi, _SNR[snr], channel)
            )
        time = rfc3339_us(trusted or credible) if trusted or credible else rfc3339(published_at | 1)
        return b",".join(items), time


def _bodies(settings: NetworkSettings, device: Device) -> tuple[bytes, bytes]:
    region = settings.region.encode()
    confirmed = b"true" if device.confirmed else b"false"
    first, second = (
        b'{"deduplicationId":"%%b","time":"%%b","deviceInfo":%b,"devAddr":"%%08x","adr":true,"dr":%%d,"fCnt":%%d,'
        b'"fPort":%%d,"confirmed":%b,"data":"%%b",%%b"rxInfo":[%%b],"txInfo":{"frequency":%%d,"modulation":{"lora":'
        b'{"bandwidth":125000,"spreadingFactor":%%d,"codeRate":"CR_4_5"}}},"regionConfigId":"%b"}'
        % (info.replace(b"%", b"%%"), confirmed, region)
        for info in device_info(settings, device)
    )
    return first, second


def _copy(settings: NetworkSettings, gateway: Gateway) -> bytes:
    location = compact({"latitude": gateway.latitude, "longitude": gateway.longitude, "altitude": gateway.height_m})
    metadata = compact({"region_common_name": settings.region.upper(), "region_config_id": settings.region})
    return (
        b'{"gatewayId":"%b","uplinkId":%%d,%%b"nsTime":"%%b",%%b"rssi":%%d,%%b%%b"location":%b,"context":"E3OWOQ==",'
        b'"metadata":%b,"crcStatus":"CRC_OK"}'
    ) % (gateway.gateway_id.encode(), location, metadata)
