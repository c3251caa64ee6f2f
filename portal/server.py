"""uvicorn inside our own `TaskGroup`, on a socket bound beforehand, with a graceful stop.

Its own `serve` is not used, because that takes SIGTERM and SIGINT away from the composition root.
"""

import logging
import socket

import uvicorn
from starlette.types import ASGIApp

from portal.settings import HttpSettings
from portal.site_settings import PortalSettings

logger = logging.getLogger(__name__)

GRACE_SECONDS = 1
MAX_CONNECTIONS = 200


def bind(settings: HttpSettings | PortalSettings) -> socket.socket:
    """The listening socket, so that a taken port is an error before anything else starts.

    Raises:
        OSError: the address is taken or not ours.
    """
    [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


async def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until cancelled; then answer what is under way for at most `GRACE_SECONDS` and close the socket."""
    host, port = listener.getsockname()[:2]
    server = uvicorn.Server(_config(app))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listener])
    logger.info("http_listening host=%s port=%d", host, port)
    try:
        await server.main_loop()
    finally:
        await server.shutdown(sockets=[listener])
        logger.info("http_stopped port=%d", port)


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        http="h11",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
