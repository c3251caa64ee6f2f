"""The simulated operator, our portal's receiver and other ASGI applications over real HTTP on loopback."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from alerts.charging.metrics import ChargingMetrics
from alerts.charging.settings import ChargingSettings
from portal.connections import ConnectionPool
from stadtfunk.demo.cpo import Cpo
from storage.database import Role, connect
from storage.settings import DatabaseSettings

HOST = "127.0.0.1"
START_SECONDS = 10.0


@dataclass
class Services:
    """What the routers of charge points use of the portal's services."""

    pool: ConnectionPool
    parts: Mapping[type, object]
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def connection(self):
        return self.pool.connection()

    def part(self, kind):
        return self.parts[kind]


@asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The application on a free port of loopback, in this event loop; gives its URL."""
    listener = listener or listening()
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    config.load()
    if tls is not None:
        config.ssl = tls
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    loop = asyncio.create_task(server.main_loop())
    try:
        yield url_of(listener, tls=tls is not None)
    finally:
        server.should_exit = True
        await loop
        server.force_exit = True
        await server.shutdown(sockets=[listener])


def listening() -> socket.socket:
    """A socket on a free port, so that a URL is known before its server runs."""
    listener = socket.socket()
    listener.bind((HOST, 0))
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket, *, tls: bool = False) -> str:
    """The URL of what listens there."""
    return f"http{'s' if tls else ''}://{HOST}:{listener.getsockname()[1]}"


@asynccontextmanager
async def serving_cpo(cpo: Cpo) -> AsyncIterator[Cpo]:
    """The operator's platform, reachable under its `base_url`."""
    listener = listening()
    cpo.base_url = url_of(listener)
    async with serving(cpo.app, listener):
        yield cpo


@asynccontextmanager
async def serving_receiver(
    settings: ChargingSettings, database: DatabaseSettings, listener: socket.socket, *, routers
) -> AsyncIterator[Services]:
    """Our routes for operators, as the portal mounts them, with the portal's rights on the database."""
    pool = ConnectionPool(partial(connect, database, role=Role.PORTAL))
    metrics = ChargingMetrics(CollectorRegistry())
    services = Services(pool, {ChargingSettings: settings, ChargingMetrics: metrics})
    site = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for make in routers:
        site.include_router(make(services))
    async with serving(site, listener):
        try:
            yield services
        finally:
            await pool.close()
