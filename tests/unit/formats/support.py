"""What the tests of the wire formats share: parsing, editing an example, and what a stored event must hold."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from decoders.errors import Rejected
from decoders.events import DeviceEvent, Event, GatewayStats
from decoders.uplink import Uplink
from ingest.delivery import Delivery
from ingest.formats import WireFormat, parser_for
from tests.events.corpus import Example, example

TREE = "chirpstack/up/tree_moisture_3gateways_decoded.json"
TTS_TREE = "tts/up/tree_moisture_3_rx_one_packetbroker.json"
BIGINT = 2**63


def parse(delivery: Delivery) -> Event:
    """The event of a delivery; The Things Stack's topics begin with v3 or are empty."""
    thethings = delivery.topic.startswith("v3/") or not delivery.topic
    return parser_for(WireFormat.THETHINGS if thethings else WireFormat.CHIRPSTACK)(delivery)


def uplink(delivery: Delivery) -> Uplink:
    """The uplink that a delivery is."""
    event = parse(delivery)
    assert isinstance(event, Uplink)
    return event


def device_event(delivery: Delivery) -> DeviceEvent:
    """The device event that a delivery is."""
    event = parse(delivery)
    assert isinstance(event, DeviceEvent)
    return event


def stats(delivery: Delivery) -> GatewayStats:
    """The gateway statistics that a delivery is."""
    event = parse(delivery)
    assert isinstance(event, GatewayStats)
    return event


def edited(file: str, edit: Callable[[dict], object], **changes: object) -> Delivery:
    """An example whose JSON was edited in place by `edit`."""
    delivery = example(file, **changes)
    message = json.loads(delivery.payload)
    edit(message)
    return delivery._replace(payload=json.dumps(message).encode())


def outcome(delivery: Delivery, item: Example | None = None) -> Event | Rejected:
    """The event, or why there is none; any other exception is a defect and passes through."""
    parser = parser_for(item.wire_format) if item is not None else parse
    try:
        return parser(delivery)
    except Rejected as rejected:
        return rejected


def check_storable(event: Event) -> None:
    """Every value fits its column: no NUL in a text, no number out of range, every time aware and in UTC."""
    _check(asdict(event))
    if isinstance(event, Uplink):
        assert event.ns_time.year >= 2015
        assert len(event.payload) <= 242
        assert 0 <= event.f_port <= 255
        assert 0 <= event.f_cnt < 2**32
        assert 0 <= event.frequency < BIGINT
        assert len(event.dev_eui) == 16 or event.dev_eui.count("/") == 1
        assert event.deduplication_id == "" or len(event.deduplication_id) == 36
        for reception in event.receptions:
            assert -(2**15) <= reception.rssi < 2**15
            assert abs(reception.snr) <= 1000
            assert 0 <= reception.channel < 2**15
            assert 0 <= reception.antenna < 2**15
            assert 0 < len(reception.gateway_id) <= 64


def _check(value: object) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _check(key)
            _check(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(item)
    elif isinstance(value, str):
        assert "\0" not in value
        value.encode("utf-8")
    elif isinstance(value, int):
        assert -BIGINT <= value < BIGINT
    elif isinstance(value, float):
        assert value - value == 0, "finite"
    elif isinstance(value, datetime):
        assert value.tzinfo is UTC
    else:
        assert value is None or isinstance(value, bytes)
