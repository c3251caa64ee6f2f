"""Notifications in browsers: who wants them on which device. `alerts.channels.webpush` sends them.

A subscription is an address at the browser's push service and two keys; the message is encrypted for the browser alone.
"""

import base64
import binascii
import hashlib
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Body, Depends
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.exceptions import HTTPException
from starlette.responses import Response

from alerts.channels.settings import WebPushSettings
from alerts.channels.webpush import public_key
from alerts.settings import AlertSettings
from portal.auth import require
from portal.cookies import DEVICE, forget
from portal.devices import remember_device
from portal.inbox.roles import READING
from portal.services import PortalServices, Services
from portal.users import User
from storage.statements import load

_QUERIES = load("inbox")

MOST_PER_USER: Final = 10
"""The oldest goes when there are more: phones are lost and replaced."""

routes = APIRouter()

Person = Annotated[User, Depends(require(*READING))]


class Keys(BaseModel):
    """The browser's keys, in base64url: a point on P-256, and 16 random bytes."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    p256dh: str = Field(max_length=120)
    auth: str = Field(max_length=40)

    @field_validator("p256dh")
    @classmethod
    def _point(cls, value: str) -> str:
        return _of_length(value, 65)

    @field_validator("auth")
    @classmethod
    def _secret(cls, value: str) -> str:
        return _of_length(value, 16)


class Subscribed(BaseModel):
    """A subscription as browsers serialise it."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    endpoint: str = Field(max_length=2048)
    keys: Keys

    @field_validator("endpoint")
    @classmethod
    def _https(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise ValueError("expected the https address of a push service")
        return value


@routes.put("/inbox/push")
async def subscribe(services: Services, user: Person, sent: Subscribed) -> Response:
    """Send notifications to this browser."""
    if push_key(services) is None:
        raise HTTPException(404, "Not Found")
    values = {
        "digest": _digest(sent.endpoint),
        "username": user.name,
        "endpoint": sent.endpoint,
        "keys": Jsonb(sent.keys.model_dump()),
        "now": services.clock(),
        "most": MOST_PER_USER,
    }
    async with services.connection() as connection, connection.transaction():
        await connection.execute(_QUERIES["subscribe"], values)
        await connection.execute(_QUERIES["forget_oldest"], values)
    response = Response(status_code=204)
    remember_device(response, _digest(sent.endpoint), services.settings)
    return response


@routes.delete("/inbox/push")
async def unsubscribe(
    services: Services, user: Person, endpoint: Annotated[str, Body(embed=True, max_length=2048)]
) -> Response:
    """Send no more to this browser."""
    async with services.connection() as connection:
        values = {"digest": _digest(endpoint), "username": user.name}
        await connection.execute(_QUERIES["unsubscribe"], values)
    response = Response(status_code=204)
    forget(response, DEVICE, services.settings)
    return response


def push_key(services: PortalServices) -> str | None:
    """The key that browsers subscribe with; None when no such channel is configured or its file cannot be read."""
    settings = services.parts.get(AlertSettings)
    if not isinstance(settings, AlertSettings):
        return None
    for channel in settings.channels.values():
        if isinstance(channel, WebPushSettings) and channel.enabled:
            try:
                return public_key(channel.read_key())
            except (OSError, ValueError):  # the channel itself tells of it
                return None
    return None


def _of_length(value: str, length: int) -> str:
    try:
        found = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        raise ValueError("expected base64url") from None
    if len(found) != length:
        raise ValueError(f"expected {length} bytes")
    return value


def _digest(endpoint: str) -> bytes:
    return hashlib.sha256(endpoint.encode()).digest()
