"""A running service seen from its HTTP port: webhooks end in the database, metrics count them, secrets stay inside."""

import asyncio
import json
from pathlib import Path

import httpx2
import psycopg
import pytest

from config.load import load_settings
from stadtfunk.status import gather
from tests.support.service import Service, run_command

EVENTS = Path(__file__).parents[2] / "events"
TTS_UP = (EVENTS / "tts/up/tree_moisture_3_rx_one_packetbroker.json").read_bytes()
CHIRPSTACK_UP = (EVENTS / "chirpstack/up/tree_moisture_3gateways_decoded.json").read_bytes()
TOKEN = "canary-token-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
SETTINGS = {
    "http": {
        "webhooks": {
            "ttn": {"token": TOKEN},
            "chirpstack": {"token": TOKEN, "header": "X-Token", "format": "chirpstack"},
        }
    }
}


def uplinks(database):
    with psycopg.connect(database) as connection:
        query = (
            "SELECT s.name, count(*) FROM stadtfunk.uplink u JOIN stadtfunk.source s ON s.id = u.source_id GROUP BY 1"
        )
        return dict(connection.execute(query).fetchall())


@pytest.fixture
def post(tmp_path, database):
    """Runs `requests` (coroutine function of service and client) against a service with two webhooks."""

    def post(requests, settings=SETTINGS):
        async def scenario():
            async with Service(tmp_path / "service", database, [], settings=settings) as service:
                await service.ready()
                async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", trust_env=False) as client:
                    await requests(service, client)
                service.terminate()
                assert await service.exit_code() == 0
                assert "canary" not in service.log()
                assert TOKEN.encode() not in (service.folder / "spool.sqlite").read_bytes()

        asyncio.run(scenario())

    return post


def test_an_answer_of_200_means_stored_and_repeats_are_counted(post, database):
    async def requests(service, client):
        for expected in (0, 1):
            answer = await client.post("/webhooks/ttn/up", headers=BEARER, content=TTS_UP)
            assert (answer.status_code, answer.json()) == (200, {"stored": True})
            assert uplinks(database) == {"ttn": 1}
            metrics = await service.metrics()
            assert metrics.value("stored_uplinks_total", source="ttn") == 1
            assert metrics.value("duplicate_uplinks_total", source="ttn") == expected

    post(requests)


def test_chirpstack_posts_its_events_with_their_name(post, database):
    async def requests(service, client):
        headers = {"X-Token": TOKEN, "Content-Type": "application/json"}
        answer = await client.post("/webhooks/chirpstack?event=up", headers=headers, content=CHIRPSTACK_UP)
        assert answer.status_code == 200
        assert uplinks(database) == {"chirpstack": 1}

    post(requests)


def test_what_cannot_be_understood_is_kept_with_its_reason(post, database, tmp_path):
    async def requests(service, client):
        answer = await client.post("/webhooks/ttn", headers=BEARER, content=b'{"canary": ')
        assert answer.status_code == 200
        done = run_command(["rejected", "list", "--json", "-c", str(service.file)], cwd=tmp_path)
        assert json.loads(done.stdout)["reason"] == "malformed"
        assert (await service.metrics()).value("rejected_messages_total", source="ttn", reason="malformed") == 1

    post(requests)


def test_without_the_token_nothing_is_stored(post, database):
    async def requests(service, client):
        wrong = BEARER | {"Authorization": f"Bearer {TOKEN}x"}
        assert (await client.post("/webhooks/ttn", headers=wrong, content=TTS_UP)).status_code == 401
        assert uplinks(database) == {}

    post(requests)


def test_status_of_the_running_service(post, database):
    async def requests(service, client):
        await client.post("/webhooks/ttn", headers=BEARER, content=TTS_UP)
        found = await gather(load_settings(service.file, {}))
        assert found.service is not None
        assert found.service.ready
        assert found.service.lag_p50_seconds is not None
        assert found.database is not None
        assert found.database.devices.uplinks == 1

    post(requests)


def test_the_heartbeat_beats_while_the_service_is_ready(tmp_path, database):
    called = asyncio.Queue()

    async def receive(reader, writer):
        called.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def scenario():
        receiver = await asyncio.start_server(receive, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{receiver.sockets[0].getsockname()[1]}/canary-path"
        heartbeat = {"url": url, "allow_hosts": ["127.0.0.1"], "interval_seconds": 5}
        settings = SETTINGS | {"heartbeat": heartbeat}
        async with receiver, Service(tmp_path / "service", database, [], settings=settings) as service:
            await service.ready()
            request = await asyncio.wait_for(called.get(), 30)
            assert "canary" not in service.log()
        assert request.startswith(b"GET /canary-path HTTP/1.1\r\n")

    asyncio.run(scenario())
