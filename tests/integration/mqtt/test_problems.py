"""What a source says about itself: canaries that do not come back, messages that can be lost, losses that happened."""

import asyncio
from collections.abc import Callable

import pytest

from tests.integration.mqtt.harness import UP, Flavour, Running, numbered
from tests.support.mosquitto import Mosquitto
from tests.support.publisher import Publisher

pytestmark = pytest.mark.anyio

StartMosquitto = Callable[..., Mosquitto]

CANARY_TOPIC = "application/canary/device/canary/event/canary"
CANARY = {"canary": {"timeout_seconds": 0.5, "interval_seconds": 1}}
READ = "topic read application/+/device/+/event/+"
WRITE = f"topic write {CANARY_TOPIC}"


def problem(running: Running, word: str) -> bool:
    """Whether exactly one sentence has the word."""
    return sum(word in sentence for sentence in running.state.problems) == 1


async def test_a_canary_comes_back_and_is_nobodys_message(mosquitto: Mosquitto, flavour: Flavour) -> None:
    settings = flavour.settings(mosquitto.port, **CANARY)
    async with Running(settings) as running, Publisher(mosquitto.port) as publisher:
        await running.until(lambda: running.state.canary is True)
        await publisher.publish(UP, b"0")
        assert (await running.handle(1))[0].topic == UP
        assert running.state.ready
        assert running.state.received == 1
        assert running.state.problems == []
        await running.close()
    async with Running(flavour.settings(mosquitto.port)) as later, Publisher(mosquitto.port) as publisher:
        await later.subscribed()
        await publisher.publish(UP, b"1")
        assert (await later.handle(1))[0].payload == b"1"  # the canary was acknowledged


async def test_canaries_of_an_earlier_process_are_nobodys_messages_either(
    mosquitto: Mosquitto, transport: Flavour
) -> None:
    settings = transport.settings(mosquitto.port, **CANARY)
    async with Running(settings) as first, Publisher(mosquitto.port) as publisher:
        await first.subscribed()
        await first.close()
        await publisher.publish(CANARY_TOPIC, b'{"stadtfunkCanary":"from another life"}')
        await publisher.publish(CANARY_TOPIC, b'{"deviceInfo":"a real event on this topic"}')
    async with Running(settings) as second:
        assert b"a real event" in (await second.handle(1))[0].payload


@pytest.mark.parametrize(
    ("granted", "missing"),
    [([WRITE], READ), ([READ], WRITE), (["topic read $SYS/#"], READ)],
    ids=["may not read", "may not write", "may do neither"],
)
async def test_a_denied_source_is_not_ready_and_names_the_lines_to_add(
    start_mosquitto: StartMosquitto, transport: Flavour, granted: list[str], missing: str
) -> None:
    """Mosquitto grants the subscription that its ACL denies; only the canary tells."""
    broker = start_mosquitto(users={"ingest": "secret"}, acl=["user ingest", *granted])
    settings = transport.settings(broker.port, username="ingest", password="secret", **CANARY)
    async with Running(settings) as running:
        await running.subscribed()
        await running.until(lambda: running.state.canary is False)
        assert not running.state.ready
        [sentence] = running.state.problems
        assert missing in sentence
        assert "user ingest" in sentence
        assert running.state.reconnects <= 3  # Mosquitto 2.0.11 ends the connection of a denied canary
        broker.set_acl(["user ingest", READ, WRITE])
        await running.until(lambda: running.state.canary is True)
        assert running.state.ready
        assert running.state.problems == []


async def test_qos_0_uplinks_make_the_source_lossy_and_name_the_line(mosquitto: Mosquitto, flavour: Flavour) -> None:
    async with Running(flavour.settings(mosquitto.port)) as running, Publisher(mosquitto.port) as publisher:
        await running.subscribed()
        await publisher.publish_all(numbered(3))
        await running.handle(3)
        assert not running.state.lossy
        await publisher.publish_all(numbered(2), qos=0)
        deliveries = await running.handle(2)
        assert [(item.qos, item.packet_id) for item in deliveries] == [(0, 0), (0, 0)]
        assert running.state.received_qos0 == 2
        assert running.state.lossy
        assert problem(running, "`qos = 1` under [integration.mqtt] in chirpstack.toml")


async def test_gateways_at_qos_0_are_mentioned_but_uplinks_are_not_in_danger(
    mosquitto: Mosquitto, transport: Flavour
) -> None:
    topics = ["application/+/device/+/event/+", "+/gateway/+/event/stats", "+/gateway/+/state/conn"]
    async with Publisher(mosquitto.port) as publisher:
        await publisher.publish("eu868/gateway/0016c001f153a14c/state/conn", b"{}", qos=0, retain=True)
        async with Running(transport.settings(mosquitto.port, topics=topics)) as running:
            [retained] = await running.handle(1)
            assert retained.retain
            assert running.state.problems == []
            await publisher.publish("eu868/gateway/0016c001f153a14c/event/stats", b"{}", qos=0)
            await running.handle(1)
            assert problem(running, "chirpstack-mqtt-forwarder.toml")
            assert not running.state.lossy


async def test_the_things_stack_has_no_line_to_change(mosquitto: Mosquitto) -> None:
    settings = Flavour("paho").settings(mosquitto.port, format="thethings", topics=["v3/+/devices/+/up"])
    async with Running(settings) as running, Publisher(mosquitto.port) as publisher:
        await running.subscribed()
        await publisher.publish("v3/app@tenant/devices/tree-1/up", b"{}", qos=0)
        await running.handle(1)
        assert problem(running, "webhook")


async def test_drops_of_the_broker_are_seen_in_sys_even_from_before_we_started(
    start_mosquitto: StartMosquitto, transport: Flavour
) -> None:
    broker = start_mosquitto(options={"max_queued_messages": 100})
    settings = transport.settings(broker.port)
    async with Running(settings) as first:
        await first.subscribed()
        await first.close()
    async with Publisher(broker.port) as publisher:
        await publisher.publish_all(numbered(1000))
        assert len(publisher.acknowledged) == 1000  # the broker claims to have them all
    async with Running(settings) as running:
        await running.handle(100)
        await running.until(lambda: bool(running.state.broker_dropped))
        assert running.state.broker_dropped == 900
        assert running.state.lossy
        assert problem(running, "max_queued_messages")
        assert running.state.received == 100


async def test_a_broker_that_keeps_sys_to_itself_is_no_problem(
    start_mosquitto: StartMosquitto, transport: Flavour
) -> None:
    broker = start_mosquitto(users={"ingest": "secret"}, acl=["user ingest", READ, WRITE])
    settings = transport.settings(broker.port, username="ingest", password="secret", **CANARY)
    async with Running(settings) as running:
        await running.until(lambda: running.state.canary is True)
        assert running.state.broker_dropped is None
        assert running.state.problems == []


async def test_a_lost_session_is_counted_and_said(start_mosquitto: StartMosquitto, transport: Flavour) -> None:
    broker = start_mosquitto(options={"autosave_interval": 1800})
    async with Running(transport.settings(broker.port)) as running:
        await running.subscribed()
        for kills in (1, 2):
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)
            await running.until(lambda expected=kills: running.state.sessions_lost == expected)
            await running.subscribed()
        assert running.state.lossy
        assert problem(running, "`autosave_interval 30` in mosquitto.conf")
        async with Publisher(broker.port) as publisher:
            await publisher.publish(UP, b"0")
        await running.handle(1)
