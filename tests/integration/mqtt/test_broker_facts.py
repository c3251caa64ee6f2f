"""Peculiarities of Mosquitto, aiomqtt, paho and the codec that the subscription is built around.

When one of these fails, a library or the broker has changed: read what depends on it before changing the test.
"""

import asyncio
import re
import subprocess
from collections.abc import Callable

import aiomqtt
import mqtt5
import pytest

from tests.integration.mqtt.harness import FILTER, MQTT5, UP, Running, numbered, numbers
from tests.support.fakebroker import FakeBroker
from tests.support.mosquitto import Mosquitto, mosquitto_program
from tests.support.publisher import Publisher

pytestmark = pytest.mark.anyio

StartMosquitto = Callable[..., Mosquitto]
WITHIN = 20.0


@pytest.fixture(scope="module")
def version() -> tuple[int, ...]:
    """Mosquitto's version: some facts are bugs that later versions do not have."""
    text = subprocess.run([mosquitto_program("mosquitto"), "-h"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", text)
    assert found, text
    return tuple(int(part) for part in found.groups())


def client(port: int, **options: object) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", port, identifier="facts", clean_session=False, **options)


async def test_aiomqtt_acknowledges_what_nobody_has_handled(mosquitto: Mosquitto) -> None:
    async with client(mosquitto.port) as first, Publisher(mosquitto.port) as publisher:
        await first.subscribe(FILTER, qos=1)
        await publisher.publish_all(numbered(50))
        async with asyncio.timeout(WITHIN):
            while len(first.messages) < 50:
                await asyncio.sleep(0.01)
    async with client(mosquitto.port) as second, Publisher(mosquitto.port) as publisher:
        await publisher.publish(UP, b"99")
        assert (await anext(aiter(second.messages))).payload == b"99"


async def test_aiomqtt_hides_a_refused_subscription() -> None:
    async with FakeBroker(4, grant=lambda _: 0x80) as broker, client(broker.port) as aio:
        [code] = await aio.subscribe(FILTER, qos=1)
        assert code.is_failure


async def test_aiomqtt_hands_out_the_old_queue_when_a_client_is_used_again(mosquitto: Mosquitto) -> None:
    aio = client(mosquitto.port)
    async with aio, Publisher(mosquitto.port) as publisher:
        await aio.subscribe(FILTER, qos=1)
        await publisher.publish(UP, b"0")
        async with asyncio.timeout(WITHIN):
            while not len(aio.messages):
                await asyncio.sleep(0.01)
    async with aio:
        assert len(aio.messages) == 1


async def test_qos_0_is_not_kept_for_a_session_that_is_away(mosquitto: Mosquitto) -> None:
    settings = MQTT5.settings(mosquitto.port)
    async with Running(settings) as running:
        await running.subscribed()
        await running.close()
    async with Publisher(mosquitto.port) as publisher:
        await publisher.publish_all(numbered(20), qos=0)
        await publisher.publish(UP, b"99")
    async with Running(settings) as running:
        assert numbers(await running.handle(1)) == [99]


async def test_the_in_flight_window_leaks_while_a_queue_drains(mosquitto: Mosquitto, version: tuple[int, ...]) -> None:
    settings = MQTT5.settings(mosquitto.port, receive_maximum=20)
    async with Running(settings) as running:
        await running.subscribed()
        async with Publisher(mosquitto.port) as publisher:
            await publisher.publish_all(numbered(500))
        held = await running.take(20)
        for delivery in held[:10]:
            running.subscription.ack([delivery])
            await running.round_trip()
        outstanding = running.state.received - 10
        assert outstanding > 50 if version < (2, 0, 13) else outstanding == 20


async def test_a_killed_broker_has_forgotten_session_and_queue(mosquitto: Mosquitto) -> None:
    settings = MQTT5.settings(mosquitto.port)
    async with Running(settings) as running:
        await running.subscribed()
        await running.close()
    async with Publisher(mosquitto.port) as publisher:
        await publisher.publish_all(numbered(20))
        assert len(publisher.acknowledged) == 20
    mosquitto.kill()
    mosquitto.start()
    async with Running(settings) as running, Publisher(mosquitto.port) as publisher:
        await running.subscribed()
        assert not running.state.session_present
        await publisher.publish(UP, b"99")
        assert numbers(await running.handle(1)) == [99]


async def test_a_full_queue_drops_the_newest_and_tells_the_publisher_nothing(start_mosquitto: StartMosquitto) -> None:
    broker = start_mosquitto(options={"max_queued_messages": 100})
    settings = MQTT5.settings(broker.port)
    async with Running(settings) as running:
        await running.subscribed()
        await running.close()
    async with Publisher(broker.port) as publisher:
        await publisher.publish_all(numbered(300))
        assert len(publisher.acknowledged) == 300
    async with Running(settings) as running, Publisher(broker.port) as publisher:
        kept = numbers(await running.handle(100))
        await publisher.publish(UP, b"999")
        assert numbers(await running.handle(1)) == [999]
    assert kept == list(range(100))


async def test_an_acl_file_grants_what_it_then_denies(start_mosquitto: StartMosquitto) -> None:
    broker = start_mosquitto(users={"facts": "secret"}, acl=["user facts", "topic read elsewhere"])
    async with client(broker.port, username="facts", password="secret") as aio:
        [code] = await aio.subscribe(FILTER, qos=1)
        assert code.value == 1


async def test_a_denied_publish_is_answered_and_costs_the_connection(
    start_mosquitto: StartMosquitto, version: tuple[int, ...]
) -> None:
    broker = start_mosquitto(users={"facts": "secret"}, acl=["user facts", "topic read elsewhere"])
    async with Running(MQTT5.settings(broker.port, username="facts", password="secret")) as running:
        await running.subscribed()
        with pytest.raises(ConnectionError, match="not authorized"):
            await running.subscription.publish(UP, b"{}")
        if version <= (2, 0, 11):
            await running.until(lambda: running.state.reconnects == 1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_codec_panics_on_invalid_text_with_what_is_no_exception() -> None:
    with pytest.raises(BaseException) as panic:
        mqtt5.read(memoryview(b"\x30\x05\x00\x02\xff\xfe\x00"))
    assert type(panic.value).__name__ == "PanicException"
    assert not isinstance(panic.value, Exception)


def test_the_codec_raises_index_error_for_incomplete_and_value_error_for_malformed() -> None:
    whole = mqtt5.PublishPacket(UP, b"{}", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=1).write()
    for end in range(len(whole)):
        with pytest.raises(IndexError):
            mqtt5.read(memoryview(whole[:end]))
    with pytest.raises(ValueError, match="QoS"):
        mqtt5.read(memoryview(b"\x36\x06\x00\x01a\x00\x01\x00"))


def test_the_codecs_enums_are_no_integers_although_its_stubs_say_so() -> None:
    assert mqtt5.SubAckReasonCode.NOT_AUTHORIZED.value == 135
    with pytest.raises(TypeError):
        assert mqtt5.SubAckReasonCode.NOT_AUTHORIZED >= 128


def test_the_codec_accepts_packet_id_0_and_nul_in_topics() -> None:
    packet, _ = mqtt5.read(memoryview(b"\x32\x08\x00\x03a\x00b\x00\x00\x00"))
    assert isinstance(packet, mqtt5.PublishPacket)
    assert (packet.packet_id, packet.topic) == (0, "a\0b")
