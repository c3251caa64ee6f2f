"""The demo's broker, as Mosquitto and as amqtt: two users, each with its own rights, on a loopback port."""

import asyncio
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiomqtt import Client, MqttError

from stadtfunk.demo.broker import BrokerKind, DemoBroker, Login, mosquitto_program

SECONDS = 10.0
UP = "application/a/device/0004a30b00000001/event/up"


@pytest.fixture(params=list(BrokerKind), ids=str)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DemoBroker]:
    if request.param is BrokerKind.MOSQUITTO and mosquitto_program() is None:
        pytest.fail("Mosquitto is not installed: apt-get install mosquitto")
    with DemoBroker(tmp_path / "broker", kind=request.param) as running:
        yield running


def client(broker: DemoBroker, login: Login) -> Client:
    return Client(broker.host, broker.port, username=login.username, password=login.password, timeout=SECONDS)


async def next_topic(reader: Client) -> str:
    async with asyncio.timeout(SECONDS):
        async for message in reader.messages:
            return str(message.topic)
    raise AssertionError("the connection ended")


async def exchange(broker: DemoBroker) -> list[str]:
    """What Stadtfunk receives of a forbidden and two permitted messages, in this order."""
    async with client(broker, broker.ingest) as reader, client(broker, broker.network_server) as writer:
        for pattern in ("application/#", "eu868/gateway/#"):
            await reader.subscribe(pattern, qos=1)
        with suppress(MqttError):  # a broker may acknowledge and drop it, or not answer at all
            await reader.publish(UP, b"forged", qos=1, timeout=1.0)
        await writer.publish(UP, b"{}", qos=1)
        await writer.publish("eu868/gateway/7276ff0039060001/state/conn", b"x", qos=1, retain=True)
        return [await next_topic(reader), await next_topic(reader)]


def test_the_city_publishes_and_stadtfunk_reads(broker):
    assert asyncio.run(exchange(broker)) == [UP, "eu868/gateway/7276ff0039060001/state/conn"]


def test_stadtfunk_may_write_its_canary(broker):
    async def canary() -> str:
        topic = "application/a/device/canary/event/canary"
        async with client(broker, broker.ingest) as reader:
            await reader.subscribe("application/+/device/+/event/+", qos=1)
            await reader.publish(topic, b"1", qos=1)
            return await next_topic(reader)

    assert asyncio.run(canary()).endswith("/canary")


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_password_is_refused(broker, password):
    async def enter() -> None:
        async with client(broker, Login("stadtfunk", password, broker.ingest.password_file)):
            pass

    with pytest.raises(MqttError):
        asyncio.run(enter())


def test_secrets_are_readable_by_their_owner_alone(broker):
    for path in broker.directory.iterdir():
        if path.name != "broker.log" and not path.name.endswith(".db"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    log = broker.log_file.read_text()
    assert broker.ingest.password not in log
    assert broker.network_server.password not in log


def test_a_restart_keeps_port_and_users(broker):
    before = (broker.port, broker.ingest, broker.network_server)
    broker.stop()
    assert not broker.running
    broker.start()
    assert (broker.port, broker.ingest, broker.network_server) == before
    assert asyncio.run(exchange(broker))[0] == UP


def test_mqtt5_is_spoken_by_mosquitto_alone(broker):
    assert broker.speaks_mqtt5 is (broker.kind is BrokerKind.MOSQUITTO)


def test_a_broker_that_ends_at_once_is_an_error_that_names_its_log(broker, tmp_path):
    class Deaf(DemoBroker):
        def _mosquitto(self) -> list[str]:
            return ["false"]

        _amqtt = _mosquitto

    other = Deaf(tmp_path / "other", kind=broker.kind)
    with pytest.raises(RuntimeError, match=r"broker\.log"):
        other.start()
    assert not other.running
