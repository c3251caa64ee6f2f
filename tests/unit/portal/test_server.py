"""The server on a real loopback socket: it serves, leaves signals alone and stops gracefully."""

import asyncio
import signal
import socket

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from portal.app import create_app
from portal.server import bind, serve
from portal.settings import HttpSettings
from tests.unit.portal.doubles import FixedHealth, RecordingSink

ANY_PORT = HttpSettings(port=0)


def application(sink=None):
    settings = HttpSettings.model_validate({"webhooks": {"ttn": {"token": "0123456789abcdef"}}})
    return create_app(FixedHealth([]), CollectorRegistry(), sink or RecordingSink(), settings)


async def until_serving(client):
    async with asyncio.timeout(5):
        while True:
            try:
                return await client.get("/healthz")
            except httpx2.TransportError:
                await asyncio.sleep(0.01)


async def until_closed(listener):
    """Until nobody is let in any more: the stop is under way."""
    async with asyncio.timeout(5):
        while listener.fileno() >= 0:
            await asyncio.sleep(0.01)


def base_url(listener):
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_it_answers_without_a_banner_and_stops_when_cancelled():
    async def scenario():
        listener = bind(ANY_PORT)
        handler = signal.getsignal(signal.SIGTERM)
        async with httpx2.AsyncClient(base_url=base_url(listener), trust_env=False) as client:
            serving = asyncio.create_task(serve(application(), listener))
            answer = await until_serving(client)
            assert signal.getsignal(signal.SIGTERM) is handler
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
            with pytest.raises(httpx2.TransportError):
                await client.get("/healthz")
        assert answer.status_code == 200
        assert "server" not in answer.headers

    asyncio.run(scenario())


def test_a_request_under_way_is_answered_before_the_stop():
    async def scenario():
        entered, release = asyncio.Event(), asyncio.Event()

        async def hold():
            entered.set()
            await release.wait()

        listener = bind(ANY_PORT)
        headers = {"Authorization": "Bearer 0123456789abcdef", "Content-Type": "application/json"}
        async with httpx2.AsyncClient(base_url=base_url(listener), trust_env=False) as client:
            serving = asyncio.create_task(serve(application(RecordingSink(hold)), listener))
            await until_serving(client)
            request = asyncio.create_task(client.post("/webhooks/ttn", headers=headers, content=b"{}"))
            await entered.wait()
            serving.cancel()
            await until_closed(listener)
            release.set()
            assert (await request).status_code == 200
            with pytest.raises(asyncio.CancelledError):
                await serving

    asyncio.run(scenario())


def test_a_taken_port_is_an_error_before_anything_starts():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError):
            bind(HttpSettings(port=other.getsockname()[1]))
