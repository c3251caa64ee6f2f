"""Status messages over a real Mosquitto and over our webhook, into a real database."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import aiomqtt
import httpx2
import pytest
from prometheus_client import CollectorRegistry

from alerts.charging.metrics import ChargingMetrics
from alerts.charging.settings import ChargingSettings
from alerts.charging.sources import ChargingSources
from portal.charging_webhook import router
from storage.database import Role, connect
from storage.failures import Retryable
from tests.support.cpo import listening, serving_receiver, url_of

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 15.0
TOKEN = "token-of-the-depot-0815"


def message(status="Charging", evse_id="DE*MZX*ELS01*1"):
    return {"evse_id": evse_id, "status": status, "ts": datetime.now(UTC).isoformat()}


class Look:
    def __init__(self, connection):
        self._connection = connection

    async def statuses(self):
        cursor = await self._connection.execute(
            "SELECT evse_key, status, s.source FROM evse_status s JOIN evse e ON e.id = s.evse_id ORDER BY s.id"
        )
        return await cursor.fetchall()

    async def contacts(self, source):
        cursor = await self._connection.execute("SELECT FROM evse_contact WHERE source = %s", (source,))
        return len(await cursor.fetchall())

    async def until(self, condition):
        async with asyncio.timeout(WAIT_SECONDS):
            while not await condition():
                await asyncio.sleep(0.02)


@pytest.fixture
async def look(database_settings):
    async with await connect(database_settings, role=Role.ALERTS) as connection:
        yield Look(connection)


@asynccontextmanager
async def listening_to(broker, connector, **options):
    """The source `depot`, running; gives its metrics' registry and health."""
    registry = CollectorRegistry()
    settings = ChargingSettings(mqtt={"depot": {"host": broker.host, "port": broker.port, **options}})
    sources = ChargingSources(settings, connector, ChargingMetrics(registry))
    running = asyncio.create_task(sources.run())
    [health] = sources.health()
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while health.problem:
                await asyncio.sleep(0.02)
        yield registry, health
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def publish(broker, *contents, retain=False):
    async with aiomqtt.Client(broker.host, broker.port) as client:
        for content in contents:
            payload = content if isinstance(content, bytes) else json.dumps(content)
            await client.publish("charging/ls01/status", payload, qos=1, retain=retain)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_messages_become_statuses_and_contacts(mosquitto, database_settings, look, version):
    connector = partial(connect, database_settings, role=Role.ALERTS)
    async with listening_to(mosquitto, connector, mqtt_version=version) as (registry, _):
        await publish(mosquitto, message("Available"), [message("Charging"), message("Faulted", "DE*MZX*ELS01*2")])
        await look.until(lambda: counted(look, 3))
        assert await look.statuses() == [
            ("DEMZXELS011", "IDLE", "depot"),
            ("DEMZXELS011", "IN_USE", "depot"),
            ("DEMZXELS012", "DOWN", "depot"),
        ]
        assert await look.contacts("depot") == 1
        assert registry.get_sample_value("stadtfunk_charging_statuses_total", {"source": "depot"}) == 3


async def counted(look, number):
    return len(await look.statuses()) == number


async def test_a_bad_message_costs_only_itself(mosquitto, database_settings, look):
    connector = partial(connect, database_settings, role=Role.ALERTS)
    async with listening_to(mosquitto, connector) as (registry, _):
        await publish(mosquitto, b"{", b"\xff", [7, message("Available")], message("Charging"))
        await look.until(lambda: counted(look, 2))
        labels = {"source": "depot"}
        assert registry.get_sample_value("stadtfunk_charging_errors_total", {**labels, "kind": "malformed"}) == 2
        assert registry.get_sample_value("stadtfunk_charging_errors_total", {**labels, "kind": "object"}) == 1


async def test_a_retained_message_is_a_status_and_no_contact(mosquitto, database_settings, look):
    await publish(mosquitto, message("Charging"), retain=True)
    connector = partial(connect, database_settings, role=Role.ALERTS)
    async with listening_to(mosquitto, connector):
        await look.until(lambda: counted(look, 1))
        assert await look.contacts("depot") == 0


async def test_a_sign_of_life_is_a_contact(mosquitto, database_settings, look):
    connector = partial(connect, database_settings, role=Role.ALERTS)
    async with listening_to(mosquitto, connector):
        await publish(mosquitto, {"ts": datetime.now(UTC).isoformat()})
        await look.until(lambda: contacted(look))
        assert await look.statuses() == []


async def contacted(look):
    return await look.contacts("depot") == 1


async def test_what_came_while_the_database_was_away_is_stored_once_it_is_back(mosquitto, database_settings, look):
    """Unacknowledged until stored: neither an ended listener nor a database that is away loses a message."""
    away = False

    async def refusing():
        if away:
            raise Retryable("the database cannot be reached")
        return await connect(database_settings, role=Role.ALERTS)

    async with listening_to(mosquitto, refusing) as (registry, _):
        away = True
        await publish(mosquitto, message("Available"))
        labels = {"source": "depot", "kind": "database"}
        async with asyncio.timeout(WAIT_SECONDS):
            while not registry.get_sample_value("stadtfunk_charging_errors_total", labels):
                await asyncio.sleep(0.02)
        await publish(mosquitto, message("Charging"))
    assert await look.statuses() == []
    away = False
    async with listening_to(mosquitto, refusing):
        await look.until(lambda: counted(look, 2))


async def test_a_broker_that_restarts_is_connected_to_again(mosquitto, database_settings, look):
    connector = partial(connect, database_settings, role=Role.ALERTS)
    async with listening_to(mosquitto, connector) as (_, health):
        mosquitto.stop()
        async with asyncio.timeout(WAIT_SECONDS):
            while not health.problem:
                await asyncio.sleep(0.02)
        mosquitto.start()
        await publish(mosquitto, message("Charging"))
        await look.until(lambda: counted(look, 1))


@pytest.fixture
def make_webhook(tmp_path, database_settings):
    @asynccontextmanager
    async def make(**options):
        token = tmp_path / "token"
        token.write_text(TOKEN)
        settings = ChargingSettings(webhooks={"depot": {"token_file": token, **options}})
        listener = listening()
        async with serving_receiver(settings, database_settings, listener, routers=[router]):
            yield partial(post, f"{url_of(listener)}/charging")

    return make


async def post(base, content, *, source="depot", token=f"Bearer {TOKEN}"):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {"Authorization": token} if token else {}
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.post(f"{base}/{source}", content=body, headers=headers)


async def test_posted_statuses_are_stored(make_webhook, look):
    async with make_webhook() as send:
        answer = await send([message("Available"), message("Charging"), {"evse_id": 7, "status": "x"}])
        assert (answer.status_code, answer.json()) == (
            200,
            {"read": 2, "changed": 2, "refused": ["object 3: evse_id is no id"]},
        )
        assert [row[1] for row in await look.statuses()] == ["IDLE", "IN_USE"]
        assert await look.contacts("depot") == 1


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", TOKEN, f"Basic {TOKEN}", f"Bearer {'0' * 43}"])
@pytest.mark.parametrize("source", ["depot", "nobody"])
async def test_without_the_token_nothing_is_read(make_webhook, look, token, source):
    async with make_webhook() as send:
        assert (await send(message(), token=token, source=source)).status_code == 401
        assert await look.contacts("depot") == 0


@pytest.mark.parametrize(("content", "status"), [(b"{", 400), (b"7", 400), (b" " * 300_000, 413)])
async def test_what_cannot_be_read_is_told(make_webhook, look, content, status):
    async with make_webhook() as send:
        assert (await send(content)).status_code == status
        assert await look.contacts("depot") == 0


async def test_only_known_charge_points_where_that_is_wanted(make_webhook, look):
    async with make_webhook(everything=False) as send:
        answer = await send(message())
        assert answer.json()["changed"] == 0
        assert await look.statuses() == []
