"""The webhook receiver: `POST /webhooks/<source>` for The Things Stack, `?event=up` for ChirpStack's HTTP integration.

An answer of 200 says that the message is committed or durably spooled. Everything that the sender should try
again is 503 with `Retry-After`; everything that trying again cannot heal is 4xx.
"""

import asyncio
import hmac
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from portal.health import DeliverySink, Unavailable
from portal.settings import HttpSettings

logger = logging.getLogger(__name__)

BODY_SECONDS = 10.0
JSON = "application/json"
PROTOBUF = "application/octet-stream"
_EVENT = re.compile(r"[a-z][a-z_/]{0,39}")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who may post: the header that carries the token, and the token."""

    header: str
    token: SecretStr


NOBODY = Sender("Authorization", SecretStr("0" * 32))


class WebhookReceiver:
    """Authenticates senders and hands their messages to the pipeline's sink.

    Raises:
        OSError, ValueError: a token file cannot be read or holds no token.
    """

    def __init__(self, settings: HttpSettings, sink: DeliverySink) -> None:
        self._senders = {
            name: Sender(webhook.header, webhook.read_token()) for name, webhook in settings.webhooks.items()
        }
        self._submit_seconds = settings.submit_seconds
        self._sink = sink

    async def __call__(self, request: Request) -> Response:
        """Answer one POST; the body is read only after the token has been checked."""
        received_at = datetime.now(UTC)
        source = str(request.path_params["source"])
        if not authorised(request.headers, self._senders.get(source, NOBODY)):
            return _refusal(401, "unauthorised", headers={"WWW-Authenticate": "Bearer"})
        event = _event(request)
        if event is None:
            return _refusal(404, "unknown_event")
        if not _acceptable(request.headers, from_chirpstack="event" in request.query_params):
            return _refusal(415, "unsupported_media_type")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                payload = await request.body()
        except TimeoutError:
            return _refusal(408, "body_too_slow")
        except ClientDisconnect:
            return Response(status_code=400)
        return await self._submit(source, f"webhooks/{source}/{event}".rstrip("/"), payload, received_at)

    async def _submit(self, source: str, topic: str, payload: bytes, received_at: datetime) -> Response:
        try:
            async with asyncio.timeout(self._submit_seconds):
                await self._sink.submit(source, topic, payload, received_at)
        except Unavailable as unavailable:
            return _come_again(source, unavailable.reason, unavailable.retry_after)
        except TimeoutError:
            return _come_again(source, "commit_too_slow", 30)
        return JSONResponse({"stored": True})


def authorised(headers: Mapping[str, str], sender: Sender) -> bool:
    """True when the sender's header carries its token; an unknown sender costs the same comparison."""
    sent = headers.get(sender.header.lower(), "")
    if sender.header.lower() == "authorization":
        scheme, _, sent = sent.partition(" ")
        if scheme.lower() != "bearer":
            sent = ""
    same = hmac.compare_digest(sent.strip().encode(), sender.token.get_secret_value().encode())
    return same and sender is not NOBODY


def _event(request: Request) -> str | None:
    """The event's name from the path or from ChirpStack's query; empty when the body alone tells it."""
    name = str(request.path_params.get("event") or request.query_params.get("event") or "")
    return name if not name or _EVENT.fullmatch(name) else None


def _acceptable(headers: Mapping[str, str], *, from_chirpstack: bool) -> bool:
    """JSON from everybody, protobuf from ChirpStack alone; compressed bodies from nobody."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    plain = headers.get("content-encoding", "identity").lower() == "identity"
    return plain and (media_type == JSON or (from_chirpstack and media_type == PROTOBUF))


def _refusal(status: int, reason: str, *, headers: Mapping[str, str] | None = None) -> Response:
    logger.warning("webhook_refused status=%d reason=%s", status, reason)
    return JSONResponse({"error": reason}, status_code=status, headers=headers)


def _come_again(source: str, reason: str, retry_after: int) -> Response:
    logger.warning("webhook_deferred source=%s reason=%s", source, reason)
    return JSONResponse({"error": reason}, status_code=503, headers={"Retry-After": str(retry_after)})
