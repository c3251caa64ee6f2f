"""ChirpStack v4: events of devices and gateways, in JSON and protobuf, become Stadtfunk's events.

The kind of an event is in its topic alone. Anything may stand before `application/` or `gateway/`, since the region
is such a prefix.
"""

import re
from collections.abc import Callable

from decoders.errors import Rejected, RejectReason
from decoders.events import DeviceEvent, DeviceEventKind, Event, Ignored
from ingest.delivery import Delivery
from ingest.formats.chirpstack.events import DEVICE_EVENTS
from ingest.formats.chirpstack.gateway import parse_connection, parse_stats
from ingest.formats.chirpstack.uplink import parse_uplink
from ingest.formats.fields import is_eui
from ingest.formats.guards import check_size

_CANARY_TEXT_LENGTH = 64
_UPLINK_TOPIC = re.compile(r"application/[^/]+/device/([0-9a-f]{16})/event/up").fullmatch
"""The topic of nearly every message, taken first; every other form of a topic is read level by level."""
_DEVICE_PARSERS: dict[str, Callable[[Delivery, str], Event]] = {"up": parse_uplink, **DEVICE_EVENTS}


def parse(delivery: Delivery) -> Event:
    """What a message of ChirpStack says.

    Raises:
        Rejected: it says nothing that can be kept as an event, with the reason.
    """
    check_size(delivery)
    uplink = _UPLINK_TOPIC(delivery.topic)
    if uplink is not None:
        return parse_uplink(delivery, uplink[1])
    levels = delivery.topic.split("/")
    if len(levels) >= 6 and levels[-6] == "application" and levels[-4] == "device":
        return _parse_device(delivery, levels[-3], levels[-2], levels[-1])
    if len(levels) >= 4 and levels[-4] == "gateway":
        return _parse_gateway(delivery, levels[-3], levels[-2], levels[-1])
    raise Rejected(RejectReason.UNKNOWN_TOPIC, "no topic of ChirpStack")


def _parse_device(delivery: Delivery, device: str, direction: str, kind: str) -> Event:
    if direction == "event" and kind == "canary":
        return _canary(delivery, device)
    if direction == "command":
        return Ignored(delivery.source, delivery.topic, "a command to a device")
    if direction == "event" and kind in _DEVICE_PARSERS:
        return _DEVICE_PARSERS[kind](delivery, _topic_eui(device))
    raise Rejected(RejectReason.UNKNOWN_TOPIC, "no event of a device that is known")


def _parse_gateway(delivery: Delivery, gateway: str, direction: str, kind: str) -> Event:
    gateway_id = _topic_eui(gateway)
    if direction == "event" and kind == "stats":
        return parse_stats(delivery, gateway_id)
    if direction == "state" and kind == "conn":
        return parse_connection(delivery, gateway_id)
    if direction in ("event", "state", "command"):
        return Ignored(delivery.source, delivery.topic, "neither statistics nor the connection of a gateway")
    raise Rejected(RejectReason.UNKNOWN_TOPIC, "no topic of a gateway")


def _topic_eui(level: str) -> str:
    lowered = level.lower()
    if not is_eui(lowered):
        raise Rejected(RejectReason.UNKNOWN_TOPIC, "the topic names no EUI of 16 hex digits")
    return lowered


def _canary(delivery: Delivery, device: str) -> DeviceEvent:
    """Our own message: its payload is opaque, and kept only where it is a short plain token."""
    if not 0 < len(device) <= _CANARY_TEXT_LENGTH or not (device.isascii() and device.isprintable()):
        raise Rejected(RejectReason.UNKNOWN_TOPIC, "the topic's canary is no plain name")
    token = delivery.payload[: _CANARY_TEXT_LENGTH + 1].decode("ascii", errors="replace")
    plain = token.isascii() and token.isprintable() and 0 < len(token) <= _CANARY_TEXT_LENGTH
    return DeviceEvent(
        source=delivery.source,
        kind=DeviceEventKind.CANARY,
        dev_eui=device,
        occurred_at=delivery.received_at,
        received_at=delivery.received_at,
        detail={"token": token} if plain else {},
    )
