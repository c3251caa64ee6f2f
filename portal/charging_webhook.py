"""`POST /charging/<source>`: statuses of charge points as JSON, from back ends that post instead of speaking OCPI.

200 says that what could be read is stored, and lists what could not; 503 asks to come again.
"""

import asyncio
import hmac
import logging

import psycopg
from fastapi import APIRouter
from pydantic import SecretStr
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from alerts.charging.exchange import SourceError
from alerts.charging.intake import Learned, take
from alerts.charging.messages import Message, read_message
from alerts.charging.metrics import ChargingMetrics
from alerts.charging.settings import ChargingSettings
from portal.services import PortalServices
from storage.failures import Retryable

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024
BODY_SECONDS = 10.0
RETRY_AFTER = {"Retry-After": "30"}
NOBODY = SecretStr("0" * 43)


def router(services: PortalServices) -> APIRouter:
    """The route; none without senders in the configuration.

    Raises:
        OSError, ValueError: a token's file cannot be used.
    """
    routes = APIRouter()
    settings = services.part(ChargingSettings)
    if settings.webhooks:
        receiver = StatusReceiver(services, settings, services.part(ChargingMetrics))
        routes.add_route("/charging/{source}", receiver.take, methods=["POST"])
    return routes


class StatusReceiver:
    """Answers senders of statuses."""

    def __init__(self, services: PortalServices, settings: ChargingSettings, metrics: ChargingMetrics) -> None:
        self._services = services
        self._metrics = metrics
        self._senders = {name: (one, one.read_token()) for name, one in settings.webhooks.items()}

    async def take(self, request: Request) -> Response:
        """One POST; the body is read only after the token has been checked."""
        received_at = self._services.clock()
        source = str(request.path_params["source"])
        settings, token = self._senders.get(source, (None, NOBODY))
        if not _carries(request.headers.get("authorization", ""), token) or settings is None:
            return _refusal(401, "unauthorised", {"WWW-Authenticate": "Bearer"})
        body = await _body(request)
        if isinstance(body, Response):
            return body
        try:
            message = read_message(body, source=source, received_at=received_at, evse_ids=settings.evse_ids)
        except SourceError as error:
            self._metrics.failed(source, error.kind)
            return _refusal(400, str(error))
        learned = Learned(
            source,
            message.statuses,
            contact_at=received_at,
            problems=message.problems,
            create=settings.everything,
        )
        return await self._store(learned, message)

    async def _store(self, learned: Learned, message: Message) -> Response:
        try:
            async with self._services.connection() as connection:
                stored = await take(connection, learned, self._metrics)
        except (Retryable, psycopg.Error) as error:
            logger.warning("charging_deferred source=%s reason=%s", learned.source, type(error).__name__)
            return JSONResponse({"error": "try again"}, 503, RETRY_AFTER)
        answer = {"read": len(message.statuses), "changed": stored, "refused": list(message.problems)}
        return JSONResponse(answer)


def _carries(authorization: str, token: SecretStr) -> bool:
    scheme, _, sent = authorization.partition(" ")
    same = hmac.compare_digest(sent.strip().encode(), token.get_secret_value().encode())
    return same and scheme.lower() == "bearer" and token is not NOBODY


async def _body(request: Request) -> bytes | Response:
    """The body up to its cap, or why there is none."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    return _refusal(413, "body_too_large")
    except TimeoutError:
        return _refusal(408, "body_too_slow")
    except ClientDisconnect:
        return Response(status_code=400)
    return bytes(body)


def _refusal(status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    logger.warning("charging_refused status=%d reason=%r", status, reason)
    return JSONResponse({"error": reason}, status, headers)
