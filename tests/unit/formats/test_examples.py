"""Every example event parses, says what it is, fits its table, and is the same in JSON and in protobuf."""

from collections import Counter

import pytest

from decoders.events import DeviceEvent, DeviceEventKind, GatewayConnection, GatewayStats, Ignored
from decoders.uplink import Uplink
from ingest.formats import WireFormat, parser_for
from tests.events.corpus import Example, examples
from tests.unit.formats.support import check_storable, outcome

EXAMPLES = examples()
TWINS = [item for item in EXAMPLES if item.twin is not None]
KINDS = {
    "chirpstack/up": Uplink,
    "chirpstack/join": DeviceEventKind.JOIN,
    "chirpstack/status": DeviceEventKind.STATUS,
    "chirpstack/ack": DeviceEventKind.ACK,
    "chirpstack/txack": DeviceEventKind.TXACK,
    "chirpstack/log": DeviceEventKind.LOG,
    "chirpstack/location": DeviceEventKind.LOCATION,
    "chirpstack/integration": DeviceEventKind.INTEGRATION,
    "chirpstack/gateway/stats": GatewayStats,
    "chirpstack/gateway/conn": GatewayConnection,
    "chirpstack/gateway/up": Ignored,
    "chirpstack/gateway/ack": Ignored,
    "chirpstack/gateway/mesh": Ignored,
    "tts/up": Uplink,
    "tts/up_normalized": Ignored,
    "tts/join": DeviceEventKind.JOIN,
    "tts/location": DeviceEventKind.LOCATION,
    "tts/service": DeviceEventKind.SERVICE,
    "tts/storage_api": Uplink,
}
ANSWERS = {"tts/down/ack.json", "tts/down/nack.json"}


def by_file(item: Example) -> str:
    return item.file


def test_the_corpus_is_complete():
    assert len({item.file for item in EXAMPLES}) == 53
    assert len(TWINS) == 31


@pytest.mark.parametrize("item", EXAMPLES, ids=by_file)
def test_an_example_becomes_the_event_that_it_is(item: Example):
    event = outcome(item.delivery, item)
    assert kind_of(event) == expected_kind(item.file)
    if not isinstance(event, Ignored):
        check_storable(event)
        assert event.received_at == item.delivery.received_at
    assert event.source == "city"


@pytest.mark.parametrize("item", TWINS, ids=by_file)
def test_json_and_protobuf_give_equal_events(item: Example):
    parse = parser_for(item.wire_format)
    assert parse(item.twin) == parse(item.delivery)


def test_a_redelivery_gives_the_same_keys():
    later = {"received_at": EXAMPLES[0].delivery.received_at.replace(hour=23), "duplicate": True, "epoch": 7}
    for item in EXAMPLES:
        first, second = outcome(item.delivery, item), outcome(item.delivery._replace(**later), item)
        if isinstance(first, Uplink):
            key = (first.dev_eui, first.ns_time, first.f_cnt)
            assert key == (second.dev_eui, second.ns_time, second.f_cnt)


def test_formats_have_the_names_of_the_configuration():
    assert Counter(item.wire_format for item in EXAMPLES).keys() == set(WireFormat)
    assert {str(wire_format) for wire_format in WireFormat} == {"chirpstack", "thethings"}


def kind_of(event: object) -> object:
    return event.kind if isinstance(event, DeviceEvent) else type(event)


def expected_kind(file: str) -> object:
    folder = file.rpartition("/")[0]
    if folder == "tts/down":
        return DeviceEventKind.ACK if file in ANSWERS else DeviceEventKind.DOWNLINK
    return KINDS[folder]
