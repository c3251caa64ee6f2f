"""The routes of OCPI: every answer has the envelope, every request a token, faults become codes."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

import psycopg
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from alerts.charging.metrics import ChargingMetrics
from alerts.charging.ocpi.credentials import VERSIONS, Handshake
from alerts.charging.ocpi.locations import Desk
from alerts.charging.ocpi.models import Object
from alerts.charging.ocpi.tokens import TokenFiles
from alerts.charging.settings import ChargingSettings
from alerts.charging.store import read_links
from portal.ocpi import locations, registration
from portal.ocpi.callers import Caller, Callers
from portal.ocpi.envelope import Code, Fault, Reply, response
from portal.services import PortalServices
from storage.failures import Retryable

logger = logging.getLogger(__name__)

BODY_SECONDS = 10.0
_LOCATION = "/ocpi/{version}/locations/{country_code}/{party_id}/{location_id}"

Handle = Callable[[Caller], Awaitable[Reply]]


def router(services: PortalServices) -> APIRouter:
    """The receiver; without operators in the configuration there are no routes.

    Raises:
        OSError, ValueError: a file of the configuration cannot be used.
    """
    routes = APIRouter()
    settings = services.part(ChargingSettings)
    if not settings.ocpi:
        return routes
    receiver = Receiver(services, settings, services.part(ChargingMetrics))
    routes.add_route("/ocpi/versions", receiver.versions, methods=["GET"])
    routes.add_route("/ocpi/{version}", receiver.details, methods=["GET"])
    routes.add_route("/ocpi/{version}/credentials", receiver.credentials, methods=["GET", "POST", "PUT", "DELETE"])
    for path in (_LOCATION, f"{_LOCATION}/{{evse_uid}}", f"{_LOCATION}/{{evse_uid}}/{{connector_id}}"):
        routes.add_route(path, receiver.locations, methods=["GET", "PUT", "PATCH"])
    return routes


class Receiver:
    """Answers operators.

    Args:
        metrics: counts contacts and statuses by source.
    """

    def __init__(self, services: PortalServices, settings: ChargingSettings, metrics: ChargingMetrics) -> None:
        self._services = services
        self._base = f"{settings.public_url}/ocpi"
        self._callers = Callers(settings.ocpi)
        files = TokenFiles(settings.state_dir)
        self._handshakes = {source: Handshake(source, settings, files) for source in settings.ocpi}
        self._desks = {source: Desk(source, metrics, one.evse_ids) for source, one in settings.ocpi.items()}

    async def versions(self, request: Request) -> Response:
        """GET of the versions."""

        async def handle(_caller: Caller) -> Reply:
            return registration.versions(self._base)

        return await self._answer(request, handle)

    async def details(self, request: Request) -> Response:
        """GET of a version's endpoints."""

        async def handle(_caller: Caller) -> Reply:
            return registration.details(self._base, _version(request))

        return await self._answer(request, handle)

    async def credentials(self, request: Request) -> Response:
        """The handshake."""

        async def handle(caller: Caller) -> Reply:
            _version(request)
            body = await _body(request) if request.method in ("POST", "PUT") else {}
            handshake, now = self._handshakes[caller.source], self._services.clock()
            async with self._services.connection() as connection:
                return await registration.credentials(request.method, caller, handshake, connection, body, now)

        return await self._answer(request, handle)

    async def locations(self, request: Request) -> Response:
        """GET, PUT and PATCH of what an operator owns."""

        async def handle(caller: Caller) -> Reply:
            received_at, desk = self._services.clock(), self._desks[caller.source]
            target = _target(request, caller)
            body = {} if request.method == "GET" else await _body(request)
            async with self._services.connection() as connection:
                if request.method == "GET":
                    return await locations.get(desk, connection, target)
                change = locations.put if request.method == "PUT" else locations.patch
                return await change(desk, connection, target, body, received_at)

        return await self._answer(request, handle, routed=True)

    async def _answer(self, request: Request, handle: Handle, *, routed: bool = False) -> Response:
        try:
            reply = await handle(await self._caller(request))
        except Fault as fault:
            reply = fault.reply
            logger.warning("ocpi_refused status=%d code=%d reason=%r", reply.status, reply.code, reply.message)
        except (Retryable, psycopg.Error) as error:
            logger.warning("ocpi_deferred reason=%s", type(error).__name__)
            reply = Reply(status=503, code=Code.SERVER, message="try again")
        except OSError as error:
            logger.error("ocpi_failed reason=%r", error.strerror or type(error).__name__)
            reply = Reply(status=500, code=Code.SERVER, message="cannot be stored")
        return response(reply, request.headers, self._services.clock(), routed=routed)

    async def _caller(self, request: Request) -> Caller:
        """No connection is held while a body arrives."""
        async with self._services.connection() as connection:
            states = await read_links(connection)
        return self._callers.identify(request.headers.get("authorization", ""), states)


def _target(request: Request, caller: Caller) -> locations.Target:
    """What the URL names.

    Raises:
        Fault: the caller is not registered, or the object is not one of its parties'.
    """
    link = caller.registered
    _version(request)
    target = locations.Target(**{name: value for name, value in request.path_params.items() if name != "version"})
    party = (target.country_code.upper(), target.party_id.upper())
    if party not in {(role.country_code, role.party_id) for role in link.roles}:
        raise Fault(404, Code.CLIENT, "not one of your parties")
    return target


def _version(request: Request) -> str:
    version = str(request.path_params["version"])
    if version not in VERSIONS:
        raise Fault(404, Code.CLIENT, "Unsupported version")
    return version


async def _body(request: Request) -> Object:
    """The JSON object in the body.

    Raises:
        Fault: 400 for what is none.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            content = json.loads(await request.body())
    except TimeoutError:
        raise Fault(408, Code.CLIENT, "the body is too slow") from None
    except ClientDisconnect:
        raise Fault(400, Code.CLIENT, "the body ends early") from None
    except (ValueError, RecursionError):
        raise Fault(400, Code.CLIENT, "Invalid JSON") from None
    if not isinstance(content, dict):
        raise Fault(400, Code.CLIENT, "expected a JSON object")
    return content
