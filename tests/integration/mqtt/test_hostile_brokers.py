"""Brokers that send what is not MQTT, or what no client asked for: each costs one connection and nothing else."""

import asyncio
import random

import pytest

from ingest.mqtt.backoff import Backoff
from tests.integration.mqtt.harness import FILTER, UP, Flavour, Running
from tests.support.fakebroker import SUBSCRIBE, FakeBroker, packet, publish_packet

pytestmark = [
    pytest.mark.anyio,
    # the codec's panic leaves the UnicodeDecodeError behind that caused it
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ANYWHERE = {
    "invalid UTF-8 in the topic": lambda version: publish_packet(b"application/\xff\xfe", b"{}", 7, version),
    "NUL in the topic": lambda version: publish_packet(b"application/\0", b"{}", 7, version),
    "QoS 3": lambda version: publish_packet(UP.encode(), b"{}", 7, version, flags=6),
    "a length of five bytes": lambda version: b"\x32\xff\xff\xff\xff\x01",
    "a topic longer than its packet": lambda version: packet(0x32, b"\x00\x40ab"),
    "an empty PUBLISH": lambda version: packet(0x32, b""),
    "an unknown packet type": lambda version: packet(0xF3, b"\x00\x00"),
}
ONLY_STRICT = {
    "invalid UTF-8 in a property": lambda _: packet(0x32, b"\x00\x01a\x00\x07\x05\x03\x00\x02\xff\xfe{}"),
    "QoS 2, which was not allowed": lambda _: publish_packet(UP.encode(), b"{}", 7, 5, flags=4),
    "packet id 0": lambda _: publish_packet(UP.encode(), b"{}", 0, 5),
    "a SUBSCRIBE": lambda _: packet(0x82, b"\x00\x01\x00\x00\x01a\x01"),
    "a second CONNACK": lambda _: packet(0x20, b"\x00\x00\x00"),
    "a packet of 256 MB": lambda _: b"\x32\xff\xff\xff\x7f" + bytes(100),
    "a malformed property length": lambda _: packet(0x32, b"\x00\x01a\x00\x07\xff\xff\xff\xff\xff"),
}


async def survives(flavour: Flavour, data: bytes) -> Running:
    """The bytes end the connection, the next one works."""
    async with (
        FakeBroker(5 if flavour.speaks_mqtt5 else 4) as broker,
        Running(flavour.settings(broker.port)) as running,
    ):
        await running.subscribed()
        broker.publish(UP, b"before", 1)
        broker.send(data)
        await running.until(lambda: running.state.reconnects == 1)
        await running.subscribed()
        broker.publish(UP, b"after", 1)
        before, after = await running.handle(2)
        assert (before.payload, after.payload) == (b"before", b"after")
        assert before.epoch < after.epoch
        return running


@pytest.mark.parametrize("name", ANYWHERE)
async def test_malformed_bytes_cost_one_connection(transport: Flavour, name: str) -> None:
    running = await survives(transport, ANYWHERE[name](5 if transport.speaks_mqtt5 else 4))
    assert running.state.malformed == 1


@pytest.mark.parametrize("name", ONLY_STRICT)
async def test_the_mqtt5_transport_takes_nothing_that_it_did_not_ask_for(name: str) -> None:
    running = await survives(Flavour("mqtt5"), ONLY_STRICT[name](5))
    assert running.state.malformed == 1


async def test_a_truncated_packet_is_waited_for(transport: Flavour) -> None:
    version = 5 if transport.speaks_mqtt5 else 4
    data = publish_packet(UP.encode(), b"x" * 1000, 7, version)
    async with FakeBroker(version) as broker, Running(transport.settings(broker.port)) as running:
        await running.subscribed()
        for piece in (data[:1], data[1:2], data[2:3], data[3:500], data[500:]):
            broker.send(piece)
            await asyncio.sleep(0.01)  # lets the pieces arrive one by one; the result must not depend on it
        assert (await running.handle(1))[0].payload == b"x" * 1000
        broker.send(data[:500])
        broker.hang_up()
        await running.until(lambda: running.state.reconnects == 1)
        assert running.state.malformed == 0


async def test_acks_go_out_in_order_of_receipt(transport: Flavour) -> None:
    version = 5 if transport.speaks_mqtt5 else 4
    async with FakeBroker(version) as broker, Running(transport.settings(broker.port)) as running:
        await running.subscribed()
        ids = [5, 3, 9, 1, 65535, 2]
        for packet_id in ids:
            broker.publish(UP, b"{}", packet_id)
        taken = await running.take(len(ids))
        running.subscription.ack(taken[4:])
        running.subscription.ack(taken[2:4])
        await running.round_trip()
        assert broker.acks == []
        running.subscription.ack(taken[:1])
        running.subscription.ack(taken[:2])
        running.subscription.ack(taken)
        await running.until(lambda: len(broker.acks) >= len(ids))
        await running.round_trip()
        assert broker.acks == ids


async def test_a_refusal_is_asked_about_again_but_not_in_a_busy_loop(transport: Flavour) -> None:
    def grant(topic: str) -> int:
        return 0x80 if topic == FILTER and refusing else 1

    refusing = True
    version = 5 if transport.speaks_mqtt5 else 4
    waits: list[tuple[float, float]] = []

    def note(low: float, high: float) -> float:
        waits.append((low, high))
        return 0.05

    async with (
        FakeBroker(version, grant=grant) as broker,
        Running(transport.settings(broker.port), Backoff(uniform=note)) as running,
    ):
        await running.until(lambda: len(waits) >= 3)
        assert min(low for low, _ in waits) >= 1
        assert not running.state.subscribed
        refusing = False
        await running.subscribed()
        assert broker.connections == 1
        assert sum(kind == SUBSCRIBE for kind, _ in broker.packets) >= 4


@pytest.mark.parametrize("seed", range(4))
async def test_random_bytes_never_end_the_subscription(transport: Flavour, seed: int) -> None:
    """Random packets of plausible shape; whatever they are, the source lives on."""
    dice = random.Random(seed)
    version = 5 if transport.speaks_mqtt5 else 4
    hasty = Backoff(first=0.01, base=0.01, ceiling=0.01)
    async with FakeBroker(version) as broker, Running(transport.settings(broker.port), hasty) as running:
        for _ in range(4):
            await running.subscribed()
            epoch = running.state.epoch
            for _ in range(20):
                broker.send(
                    packet(dice.choice([0x30, 0x32, 0x3B, dice.randrange(256)]), dice.randbytes(dice.randrange(40)))
                )
            broker.send(b"\x30\xff\xff\xff\xff\xff")  # at the latest, this one is wrong
            broker.hang_up()
            await running.until(lambda old=epoch: running.state.epoch > old and running.state.subscribed)
        broker.publish(UP, b"after", 1)
        while (await running.handle(1))[0].payload != b"after":
            pass
