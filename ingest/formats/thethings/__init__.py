"""The Things Stack v3 to Stadtfunk's events: live messages, webhook bodies and lines of the storage API.

All three carry the same envelope, which names the device and says what kind of event it is. A live message must
agree with its topic; the others have none (an empty topic). `up/normalized` is ignored: the plain `up` that is
published beside it carries the same values, and both together would count every frame twice.
"""

import re

import msgspec

from decoders.errors import Rejected, RejectReason
from decoders.events import Event, Ignored
from ingest.delivery import Delivery
from ingest.formats.fields import check_identity
from ingest.formats.guards import check_size, read_json
from ingest.formats.thethings.events import parse_event
from ingest.formats.thethings.model import ApplicationUp, EndDeviceIds, StoredUp
from ingest.formats.thethings.uplink import parse_uplink

_NORMALIZED = "up/normalized"
_COMMANDS = frozenset({"down/push", "down/replace"})
_EVENTS = frozenset(
    {"up", "join", "service/data", "location/solved"}
    | {f"down/{step}" for step in ("queued", "sent", "ack", "nack", "failed", "invalidated")}
)
_STORED = re.compile(rb'\s*\{\s*"result"\s*:')

_decode_live = msgspec.json.Decoder(ApplicationUp).decode
_decode_stored = msgspec.json.Decoder(StoredUp).decode


def parse(delivery: Delivery) -> Event:
    """What a message of The Things Stack says.

    Raises:
        Rejected: it says nothing that can be kept as an event, with the reason.
    """
    check_size(delivery)
    topic = delivery.topic.split("/", 4) if delivery.topic else None
    if topic is not None and (len(topic) < 5 or topic[0] != "v3" or topic[2] != "devices"):
        raise Rejected(RejectReason.UNKNOWN_TOPIC, "no topic of The Things Stack")
    if topic is not None and topic[4] not in _EVENTS:
        return _ignored(delivery, topic[4])
    up = _read(delivery.payload)
    if topic is not None:
        _check_topic(up.end_device_ids, application=topic[1], device_id=topic[3])
    if up.uplink_message is not None:
        return parse_uplink(delivery, up, up.uplink_message)
    if up.uplink_normalized is not None:
        return _ignored(delivery, _NORMALIZED)
    return parse_event(delivery, up)


def _read(payload: bytes) -> ApplicationUp:
    if _STORED.match(payload):
        return read_json(_decode_stored, payload).result
    return read_json(_decode_live, payload)


def _check_topic(ids: EndDeviceIds, *, application: str, device_id: str) -> None:
    """The topic has `application@tenant` where there are tenants; the body never names the tenant."""
    check_identity(ids.device_id, device_id)
    check_identity(ids.application_ids.application_id, application.partition("@")[0])


def _ignored(delivery: Delivery, kind: str) -> Ignored:
    if kind == _NORMALIZED:
        return Ignored(delivery.source, delivery.topic, "the plain uplink beside it carries the same values")
    if kind in _COMMANDS:
        return Ignored(delivery.source, delivery.topic, "a command to a device")
    raise Rejected(RejectReason.UNKNOWN_TOPIC, "no event of a device that is known")
