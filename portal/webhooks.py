"""The webhook receiver: `POST /webhooks/<source>` for The Things Stack, `?event=up` for ChirpStack's HTTP integration.

The pipeline knows what a message is from its topic, as over MQTT. A body of The Things Stack tells everything itself
and has none; for ChirpStack the topic that its broker would have used is made from the query and the body.

An answer of 200 says that the message is committed or durably spooled. Everything that the sender should try
again is 503 with `Retry-After`; everything that trying again cannot heal is 4xx.
"""

import asyncio
import hmac
import json
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
CHIRPSTACK = "chirpstack"
_EVENT = re.compile(r"[a-z]{1,20}")
_LEVEL = re.compile(r"[^/+#\x00]{1,64}")
_NOWHERE = "0000000000000000"
"""A DevEUI of nobody: the body names none, and the parser will say why."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who may post: the header that carries the token, the token, and whose messages they are."""

    header: str
    token: SecretStr
    wire_format: str


NOBODY = Sender("Authorization", SecretStr("0" * 32), "")


class WebhookReceiver:
    """Authenticates senders and hands their messages to the pipeline's sink.

    Raises:
        OSError, ValueError: a token file cannot be read or holds no token.
    """

    def __init__(self, settings: HttpSettings, sink: DeliverySink) -> None:
        self._senders = {
            name: Sender(webhook.header, webhook.read_token(), webhook.format)
            for name, webhook in settings.webhooks.items()
        }
        self._submit_seconds = settings.submit_seconds
        self._sink = sink

    async def __call__(self, request: Request) -> Response:
        """Answer one POST; the body is read only after the token has been checked."""
        received_at = datetime.now(UTC)
        source = str(request.path_params["source"])
        sender = self._senders.get(source, NOBODY)
        if not authorised(request.headers, sender):
            return _refusal(401, "unauthorised", headers={"WWW-Authenticate": "Bearer"})
        event = request.query_params.get("event", "")
        if sender.wire_format == CHIRPSTACK and _EVENT.fullmatch(event) is None:
            return _refusal(400, "the URL needs ?event=")
        if not is_plain_json(request.headers):
            return _refusal(415, "expected application/json, not compressed")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                payload = await request.body()
        except TimeoutError:
            return _refusal(408, "body_too_slow")
        except ClientDisconnect:
            return Response(status_code=400)
        topic = chirpstack_topic(event, payload) if sender.wire_format == CHIRPSTACK else ""
        return await self._submit(source, topic, payload, received_at)

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


def is_plain_json(headers: Mapping[str, str]) -> bool:
    """True for uncompressed JSON: a compressed body would have no cap, and protobuf has no place for the topic."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" and headers.get("content-encoding", "identity").lower() == "identity"


def chirpstack_topic(event: str, payload: bytes) -> str:
    """The topic under which ChirpStack publishes this event; whatever is wrong with the body is left to the parser."""
    try:
        info = json.loads(payload)["deviceInfo"]
        application, device = str(info["applicationId"]), str(info["devEui"])
    except (ValueError, KeyError, TypeError, RecursionError):
        application, device = "-", _NOWHERE
    if not _LEVEL.fullmatch(application) or not _LEVEL.fullmatch(device):
        application, device = "-", _NOWHERE
    return f"application/{application}/device/{device}/event/{event}"


def _refusal(status: int, reason: str, *, headers: Mapping[str, str] | None = None) -> Response:
    logger.warning("webhook_refused status=%d reason=%r", status, reason)
    return JSONResponse({"error": reason}, status_code=status, headers=headers)


def _come_again(source: str, reason: str, retry_after: int) -> Response:
    logger.warning("webhook_deferred source=%s reason=%s", source, reason)
    return JSONResponse({"error": reason}, status_code=503, headers={"Retry-After": str(retry_after)})
