"""The contract of a subscription, proved on every transport against a real broker."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ingest.mqtt.subscription import subscribe
from tests.integration.mqtt.harness import UP, Flavour, Running, numbered, numbers, until
from tests.support.mosquitto import Mosquitto
from tests.support.publisher import Publisher

pytestmark = pytest.mark.anyio

StartMosquitto = Callable[..., Mosquitto]


async def test_a_message_arrives_as_it_was_published(mosquitto: Mosquitto, flavour: Flavour) -> None:
    before = datetime.now(UTC)
    async with Running(flavour.settings(mosquitto.port)) as running, Publisher(mosquitto.port) as publisher:
        await running.subscribed()
        await publisher.publish(UP, b'{"deduplicationId":"1"}')
        [delivery] = await running.handle(1)
    assert (delivery.source, delivery.topic, delivery.payload) == ("test", UP, b'{"deduplicationId":"1"}')
    assert type(delivery.payload) is bytes
    assert (delivery.qos, delivery.retain, delivery.duplicate) == (1, False, False)
    assert delivery.epoch == running.state.epoch
    assert delivery.packet_id > 0
    assert before <= delivery.received_at <= before + timedelta(seconds=30)
    assert delivery.received_at.tzinfo is UTC


async def test_what_was_not_acked_comes_again_and_what_was_acked_does_not(
    mosquitto: Mosquitto, flavour: Flavour
) -> None:
    settings = flavour.settings(mosquitto.port)
    async with Running(settings) as first, Publisher(mosquitto.port) as publisher:
        await first.subscribed()
        await publisher.publish_all(numbered(10))
        taken = await first.take(10)
        first.subscription.ack(taken[:4])
        await first.round_trip()
    async with Running(settings) as second, Publisher(mosquitto.port) as publisher:
        await second.subscribed()
        await publisher.publish(UP, b"99")
        again = await second.handle(7)
    assert numbers(again) == [4, 5, 6, 7, 8, 9, 99]
    assert [delivery.duplicate for delivery in again] == [True] * 6 + [False]
    assert second.state.session_present


async def test_an_ack_that_comes_early_waits_for_its_predecessors(mosquitto: Mosquitto, flavour: Flavour) -> None:
    settings = flavour.settings(mosquitto.port)
    async with Running(settings) as first, Publisher(mosquitto.port) as publisher:
        await first.subscribed()
        await publisher.publish_all(numbered(10))
        taken = await first.take(10)
        first.subscription.ack(taken[5:])
        await first.round_trip()
    async with Running(settings) as second:
        await second.subscribed()
        taken = await second.take(10)
        assert numbers(taken) == list(range(10))
        second.subscription.ack(taken[5:])
        second.subscription.ack(taken[:5])
        await second.round_trip()
    async with Running(settings) as third, Publisher(mosquitto.port) as publisher:
        await publisher.publish(UP, b"99")
        assert numbers(await third.handle(1)) == [99]


async def test_an_ack_never_crosses_connections(start_mosquitto: StartMosquitto, flavour: Flavour) -> None:
    """The broker forgets the session while messages are held; their ids then belong to other messages."""
    broker = start_mosquitto(persistence=False)
    async with Running(flavour.settings(broker.port)) as running:
        await running.subscribed()
        async with Publisher(broker.port) as publisher:
            await publisher.publish_all(numbered(5))
        held = await running.take(5)
        await asyncio.to_thread(broker.restart)
        await running.until(lambda: running.state.reconnects == 1 and running.state.subscribed)
        async with Publisher(broker.port) as publisher:
            await publisher.publish_all(numbered(10)[5:])
        fresh = await running.take(5)
        assert {item.packet_id for item in held} == {item.packet_id for item in fresh}
        running.subscription.ack(held)
        await running.round_trip()
        assert running.state.stale_acks == 5
        assert running.state.sessions_lost == 1
        assert running.state.lossy
        assert "persistence true" in " ".join(running.state.problems)
    async with Running(flavour.settings(broker.port)) as later:
        assert numbers(await later.handle(5)) == [5, 6, 7, 8, 9]


async def test_acks_while_disconnected_are_dropped_and_the_messages_come_again(
    mosquitto: Mosquitto, flavour: Flavour
) -> None:
    async with Running(flavour.settings(mosquitto.port)) as running, Publisher(mosquitto.port) as publisher:
        await running.subscribed()
        await publisher.publish_all(numbered(3))
        held = await running.take(3)
        await asyncio.to_thread(mosquitto.stop)
        await running.until(lambda: not running.state.connected)
        running.subscription.ack(held)
        assert running.state.stale_acks == 3
        await asyncio.to_thread(mosquitto.start)
        assert numbers(await running.handle(3)) == [0, 1, 2]
        assert running.state.sessions_lost == 0


async def test_a_session_outlives_the_process(mosquitto: Mosquitto, flavour: Flavour) -> None:
    settings = flavour.settings(mosquitto.port)
    async with Running(settings) as first:
        await first.subscribed()
        assert not first.state.session_present
        await first.close()
    async with Publisher(mosquitto.port) as publisher:
        await publisher.publish_all(numbered(200))
    async with Running(settings) as second:
        assert numbers(await second.handle(200)) == list(range(200))
        await second.subscribed()
        assert second.state.session_present
        assert second.state.sessions_lost == 0


async def test_an_orderly_end_hands_out_what_arrived_and_sends_its_acks(mosquitto: Mosquitto, flavour: Flavour) -> None:
    settings = flavour.settings(mosquitto.port)
    async with Running(settings) as running, Publisher(mosquitto.port) as publisher:
        await running.subscribed()
        await publisher.publish_all(numbered(15))
        await running.until(lambda: running.state.messages_buffered == 15)
        running.subscription.stop_reading()
        await publisher.publish(UP, b"99")
        taken = [delivery async for batch in running.subscription.batches() for delivery in batch]
        assert numbers(taken) == list(range(15))
        running.subscription.ack(taken)
        await running.close()
        assert not running.state.connected
    async with Running(settings) as later:
        assert numbers(await later.handle(1)) == [99]


async def test_everything_buffered_at_close_comes_again(mosquitto: Mosquitto, flavour: Flavour) -> None:
    settings = flavour.settings(mosquitto.port)
    async with Running(settings) as running, Publisher(mosquitto.port) as publisher:
        await running.subscribed()
        await publisher.publish_all(numbered(20))
        await running.until(lambda: running.state.messages_buffered == 20)
        await running.close()
        assert [batch async for batch in running.subscription.batches()] == []
    async with Running(settings) as later:
        assert numbers(await later.handle(20)) == list(range(20))


async def test_a_session_expires_when_nobody_comes_back(start_mosquitto: StartMosquitto, five: Flavour) -> None:
    broker = start_mosquitto(options={"log_type": "all"})
    settings = five.settings(broker.port, session_expiry=1)
    async with Running(settings) as running:
        await running.subscribed()
        assert running.subscription.capabilities.session_expiry
        await running.close()
    await until(lambda: "Expiring client stadtfunk-test" in broker.log())
    async with Running(settings) as later:
        await later.subscribed()
        assert not later.state.session_present


def test_capabilities_are_those_of_the_protocol(flavour: Flavour) -> None:
    capabilities = subscribe(flavour.settings(1883)).capabilities
    assert capabilities.session_expiry is flavour.speaks_mqtt5
    assert capabilities.receive_maximum is flavour.speaks_mqtt5


async def test_no_more_than_the_receive_maximum_is_outstanding(mosquitto: Mosquitto, five: Flavour) -> None:
    async with Running(five.settings(mosquitto.port, receive_maximum=5)) as running:
        await running.subscribed()
        assert running.subscription.capabilities.receive_maximum
        async with Publisher(mosquitto.port) as publisher:
            await publisher.publish_all(numbered(100))
        await running.until(lambda: running.state.received >= 5)
        await running.round_trip()
        assert running.state.received == 5
        assert numbers(await running.handle(100)) == list(range(100))


async def test_a_batch_is_what_has_arrived_and_never_more_than_its_cap(mosquitto: Mosquitto, flavour: Flavour) -> None:
    async with Running(flavour.settings(mosquitto.port, max_batch=30, receive_maximum=1000)) as running:
        await running.subscribed()
        async with Publisher(mosquitto.port) as publisher:
            await publisher.publish(UP, b"0")
            [first] = [await anext(running.subscription.batches())]
            running.subscription.ack(first)
            await publisher.publish_all(numbered(15))
            await running.until(lambda: running.state.messages_buffered == 15)
            second = await anext(running.subscription.batches())
            running.subscription.ack(second)
            await publisher.publish_all(numbered(80))
        sizes = []
        while sum(sizes) < 80:
            batch = await anext(running.subscription.batches())
            running.subscription.ack(batch)
            sizes.append(len(batch))
    assert (len(first), len(second)) == (1, 15)
    assert max(sizes) <= 30


async def test_several_sources_run_side_by_side(start_mosquitto: StartMosquitto, flavour: Flavour) -> None:
    one, two = start_mosquitto(), start_mosquitto()
    tts = {"name": "tts", "format": "thethings", "topics": ["v3/+/devices/+/up"], "transport": "paho"}
    async with (
        Running(flavour.settings(one.port, name="city")) as city,
        Running(flavour.settings(two.port, **tts)) as things,
        Publisher(one.port) as to_city,
        Publisher(two.port) as to_things,
    ):
        await city.subscribed()
        await things.subscribed()
        await to_city.publish_all(numbered(10))
        await to_things.publish_all(numbered(5, topic="v3/app@tenant/devices/bay-1/up"))
        await asyncio.to_thread(one.stop)
        from_things = await things.handle(5)
        from_city = await city.take(10)
        assert {item.source for item in from_city} == {"city"}
        assert {item.source for item in from_things} == {"tts"}
        assert things.state.connected


async def test_members_of_a_shared_group_share_the_messages(mosquitto: Mosquitto, flavour: Flavour) -> None:
    def member(number: int) -> Running:
        return Running(flavour.settings(mosquitto.port, shared_group="ingest", client_id=f"member-{number}"))

    async with member(1) as one, member(2) as two, Publisher(mosquitto.port) as publisher:
        assert one.subscription.capabilities.shared_subscription
        await one.subscribed()
        await two.subscribed()
        await publisher.publish_all(numbered(40))
        await until(lambda: one.state.received + two.state.received == 40)
        shares = await one.handle(one.state.received), await two.handle(two.state.received)
    assert sorted(numbers(shares[0] + shares[1])) == list(range(40))
    assert all(len(share) > 5 for share in shares)
    assert "2.0.12" in " ".join(one.state.problems)


async def test_another_client_with_our_id_is_suspected(mosquitto: Mosquitto, transport: Flavour) -> None:
    """Mosquitto 2.0.11 does not say that a session was taken over, not even in MQTT 5."""
    settings = transport.settings(mosquitto.port)
    async with Running(settings) as one, Running(settings) as two:
        await until(lambda: "another client" in one.state.last_error or "another client" in two.state.last_error)
        assert max(one.state.reconnects, two.state.reconnects) < 20
