"""Bounded memory, dead connections and brokers that come and go."""

import asyncio
from collections.abc import Callable

import pytest

from ingest.delivery import LinkState
from ingest.mqtt.backoff import Backoff
from tests.integration.mqtt.harness import UP, Flavour, Running, numbered, numbers, until
from tests.support.chaosproxy import ChaosProxy
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.publisher import Publisher

pytestmark = pytest.mark.anyio

StartMosquitto = Callable[..., Mosquitto]


async def highest(state: LinkState, read: Callable[[LinkState], int]) -> int:
    """The highest value seen until cancelled, looked at in every turn of the event loop."""
    seen = 0
    try:
        while True:
            seen = max(seen, read(state))
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        return seen


async def test_a_flood_fills_the_buffer_to_its_mark_and_loses_nothing(mosquitto: Mosquitto, flavour: Flavour) -> None:
    settings = flavour.settings(mosquitto.port, max_buffered_messages=400, max_batch=100)
    async with Running(settings) as before:
        await before.subscribed()
        await before.close()
    async with Publisher(mosquitto.port) as publisher:
        await publisher.publish_all(numbered(4000, size=300))
    async with Running(settings) as running:
        watching = asyncio.create_task(highest(running.state, lambda state: state.messages_buffered))
        if flavour.speaks_mqtt5:  # with 3.1.1 the broker's own window of 20 is filled first
            await running.until(lambda: running.state.paused)
        taken = []
        while len(taken) < 4000:
            batch = await running.take(1)
            running.subscription.ack(batch)
            taken += batch
        watching.cancel()
        assert await watching <= 400
        assert not running.state.paused
    assert numbers(taken) == list(range(4000))


async def test_a_broker_without_a_window_cannot_flood_us(start_mosquitto: StartMosquitto, transport: Flavour) -> None:
    broker = start_mosquitto(options={"max_inflight_messages": 0})
    settings = transport.settings(broker.port, max_buffered_messages=1_000_000, max_buffered_bytes=65536)
    async with Running(settings) as running, Publisher(broker.port) as publisher:
        await running.subscribed()
        watching = asyncio.create_task(highest(running.state, lambda state: state.bytes_buffered))
        await publisher.publish_all(numbered(2000, size=1000))
        await running.until(lambda: running.state.paused)
        assert numbers(await running.handle(2000)) == list(range(2000))
        watching.cancel()
        assert await watching < 65536 + 256 * 1024 + 1100  # one read past the mark


async def test_a_pause_longer_than_the_keepalive_keeps_the_connection(
    start_mosquitto: StartMosquitto, transport: Flavour
) -> None:
    """PINGREQ goes on, and a PINGRESP that lies unread is not missed."""
    broker = start_mosquitto(options={"log_type": "all", "max_inflight_messages": 0})
    settings = transport.settings(broker.port, keepalive=1, max_buffered_messages=20)
    async with Running(settings) as running, Publisher(broker.port) as publisher:
        await running.subscribed()
        await publisher.publish_all(numbered(200))
        await running.until(lambda: running.state.paused)
        pings = broker.log().count("Received PINGREQ from stadtfunk-test")
        await until(lambda: broker.log().count("Received PINGREQ from stadtfunk-test") >= pings + 4)
        assert (running.state.connected, running.state.epoch, running.state.paused) == (True, 1, True)
        assert numbers(await running.handle(200)) == list(range(200))
        assert running.state.reconnects == 0


async def test_a_silent_partition_is_noticed_and_healed(mosquitto: Mosquitto, transport: Flavour) -> None:
    async with (
        ChaosProxy(("127.0.0.1", mosquitto.port)) as proxy,
        Publisher(mosquitto.port) as publisher,
        Running(transport.settings(proxy.port, keepalive=1)) as running,
    ):
        await running.subscribed()
        proxy.blackhole = True
        await publisher.publish_all(numbered(5))
        await running.until(lambda: not running.state.connected)
        assert "PINGRESP" in running.state.last_error
        proxy.blackhole = False
        await running.subscribed()
        assert running.state.last_error == ""
        assert numbers(await running.handle(5)) == list(range(5))


async def test_resets_in_the_middle_of_a_stream_lose_nothing(mosquitto: Mosquitto, flavour: Flavour) -> None:
    async with (
        ChaosProxy(("127.0.0.1", mosquitto.port)) as proxy,
        Publisher(mosquitto.port) as publisher,
        Running(flavour.settings(proxy.port)) as running,
    ):
        proxy.slice = 7
        arrived: set[int] = set()
        for resets in range(1, 4):
            await running.subscribed()
            await publisher.publish_all(numbered(100 * resets)[-100:])
            arrived.update(numbers(await running.handle(10)))
            proxy.reset()
            await running.until(lambda expected=resets: running.state.reconnects == expected)
            while len(arrived) < 100 * resets:
                arrived.update(numbers(await running.handle(1)))
        assert arrived == set(range(300))
        assert running.state.sessions_lost == 0


async def test_a_broker_that_starts_later_is_found(transport: Flavour, start_mosquitto: StartMosquitto) -> None:
    port = free_port()
    async with Running(transport.settings(port)) as running:
        await running.until(lambda: bool(running.state.last_error))
        assert str(port) in running.state.last_error
        assert not running.state.ready
        broker = start_mosquitto(options={"max_queued_messages": 0}, port=port)
        await running.subscribed()
        assert running.state.ready
        async with Publisher(broker.port) as publisher:
            await publisher.publish(UP, b"0")
        await running.handle(1)


async def test_close_does_not_wait_for_a_broker_that_is_away(transport: Flavour) -> None:
    backoff = Backoff(first=60, base=60, ceiling=60)
    async with Running(transport.settings(free_port()), backoff) as running:
        await running.until(lambda: bool(running.state.last_error))
        await running.close()


async def test_close_does_not_wait_for_a_broker_that_does_not_answer(transport: Flavour) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    connected = asyncio.Event()
    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server, Running(transport.settings(server.sockets[0].getsockname()[1])) as running:
        await connected.wait()
        await running.close()


async def test_a_restart_of_the_broker_resumes_the_session(mosquitto: Mosquitto, flavour: Flavour) -> None:
    async with Running(flavour.settings(mosquitto.port)) as running:
        await running.subscribed()
        for restart in range(2):
            async with Publisher(mosquitto.port) as publisher:
                await publisher.publish_all(numbered(10))
            await asyncio.to_thread(mosquitto.restart)
            await running.until(lambda expected=restart + 1: running.state.reconnects == expected)
            await running.subscribed()
            assert running.state.session_present
        assert running.state.sessions_lost == 0
        arrived = await running.take(30)
        running.subscription.ack(arrived)
    assert sorted(set(numbers(arrived))) == list(range(10))


@pytest.mark.parametrize("size", [70_000, 10 * 2**20], ids=["70kB", "10MiB"])
async def test_an_oversized_message_arrives_and_hurts_no_neighbour(
    mosquitto: Mosquitto, flavour: Flavour, size: int
) -> None:
    """What is too large is for the pipeline to refuse; the connection must live on."""
    async with Running(flavour.settings(mosquitto.port)) as running, Publisher(mosquitto.port) as publisher:
        await running.subscribed()
        await publisher.publish_all([(UP, b"before"), (UP, bytes(size)), (UP, b"after")])
        before, large, after = await running.handle(3)
        assert (before.payload, len(large.payload), after.payload) == (b"before", size, b"after")
        assert running.state.epoch == 1


async def test_the_broker_drops_what_is_larger_than_the_maximum_packet(mosquitto: Mosquitto, five: Flavour) -> None:
    settings = five.settings(mosquitto.port, max_packet_bytes=65536)
    async with Running(settings) as running, Publisher(mosquitto.port) as publisher:
        await running.subscribed()
        await publisher.publish_all([(UP, b"before"), (UP, bytes(70_000)), (UP, b"after")])
        assert [item.payload for item in await running.handle(2)] == [b"before", b"after"]
        assert running.state.epoch == 1
