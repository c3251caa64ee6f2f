"""Where a message came from says what it is: prefixes, commands, the canary, cleared states."""

import pytest

from decoders.errors import Rejected, RejectReason
from decoders.events import DeviceEvent, DeviceEventKind, GatewayConnection, GatewayStats, Ignored
from ingest.delivery import Delivery
from tests.events.corpus import RECEIVED_AT, example
from tests.unit.formats.support import TREE, TTS_TREE, device_event, parse, uplink

APPLICATION = "application/8e9f2c1a-7b44-4c2f-8f0e-2c3b4d5e6f70/device"
STATS = "chirpstack/gateway/stats/concentratord_gps_dutycycle.json"
ONLINE = "chirpstack/gateway/conn/online.json"


@pytest.mark.parametrize("prefix", ["", "eu868/", "de/mainz/eu868/"])
def test_gateways_with_and_without_a_region(prefix):
    topic = "gateway/7276ff002e0605d1"
    assert isinstance(parse(example(STATS, topic=f"{prefix}{topic}/event/stats")), GatewayStats)
    assert isinstance(parse(example(ONLINE, topic=f"{prefix}{topic}/state/conn")), GatewayConnection)


@pytest.mark.parametrize("prefix", ["", "bridge/", "city/lorawan/"])
def test_uplinks_behind_a_bridge(prefix):
    assert uplink(example(TREE, topic=prefix + example(TREE).topic)) == uplink(example(TREE))


@pytest.mark.parametrize("event", ["up", "ack", "exec", "raw", "mesh", "later"])
def test_other_events_of_gateways_are_ignored(event):
    topic = f"eu868/gateway/7276ff002e0605d1/event/{event}"
    assert isinstance(parse(Delivery("city", topic, b"\x00\xff", RECEIVED_AT)), Ignored)


@pytest.mark.parametrize(
    "topic",
    [
        f"{APPLICATION}/0004a30b00f1a2b3/command/down",
        "eu868/gateway/7276ff002e0605d1/command/down",
        "v3/mz-park@mainz/devices/bucht-1/down/push",
        "v3/mz-park/devices/bucht-1/down/replace",
    ],
)
def test_commands_are_ignored(topic):
    assert isinstance(parse(Delivery("city", topic, b"{}", RECEIVED_AT)), Ignored)


def test_a_cleared_retained_state_says_nothing():
    assert isinstance(parse(example(ONLINE, payload=b"")), Ignored)


def test_old_gateways_name_themselves_in_bytes():
    delivery = example(ONLINE, payload=b'{"gatewayIdLegacy":"cnb/AC4GBdE=","state":"ONLINE"}')
    assert parse(delivery) == parse(example(ONLINE))


def test_the_open_source_edition_has_no_tenant():
    topic = example(TTS_TREE).topic.replace("@mainz", "")
    assert uplink(example(TTS_TREE, topic=topic)) == uplink(example(TTS_TREE))


class TestCanary:
    def test_it_carries_its_token_and_nothing_else(self):
        event = canary(b"4f1a-17")
        assert event.kind is DeviceEventKind.CANARY
        assert (event.dev_eui, event.occurred_at, event.detail) == ("canary", RECEIVED_AT, {"token": "4f1a-17"})

    def test_a_token_of_64_characters_is_kept_and_one_of_65_is_not(self):
        assert canary(b"x" * 64).detail == {"token": "x" * 64}
        assert canary(b"x" * 65).detail == {}

    @pytest.mark.parametrize("payload", [b"", b"\xff\xfe", "ü".encode(), b"a\x00b", b"line\nbreak", b"\x7f"])
    def test_what_is_no_plain_text_is_not_kept(self, payload):
        assert canary(payload).detail == {}

    @pytest.mark.parametrize("name", ["", "x" * 65, "ca nary\n", "kanarienvögel"])
    def test_its_name_is_plain(self, name):
        with pytest.raises(Rejected) as caught:
            canary(b"1", name=name)
        assert caught.value.reason == RejectReason.UNKNOWN_TOPIC


def canary(payload: bytes, name: str = "canary") -> DeviceEvent:
    return device_event(Delivery("city", f"application/canary/device/{name}/event/canary", payload, RECEIVED_AT))
