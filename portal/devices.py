"""The browser that somebody asked to be notified in: known by a cookie, so that it is forgotten with the login.

Notifications tell of cases: a phone that is handed on must not get those of the one who had it.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from portal.cookies import DEVICE, forget, read, write
from portal.site_settings import PortalSettings
from storage.database import Connection
from storage.statements import load

_QUERIES = load("portal")
_SECONDS: Final = 365 * 24 * 3600


def remember_device(response: Response, digest: bytes, settings: PortalSettings) -> None:
    """This browser is the one that was subscribed under `digest`."""
    write(response, DEVICE, digest.hex(), settings=settings, seconds=_SECONDS)


def is_subscribed(request: Request, settings: PortalSettings) -> bool:
    """True when this browser was subscribed by whoever is logged in."""
    return bool(read(request, DEVICE, settings))


async def forget_device(
    connection: Connection, request: Request, response: Response, settings: PortalSettings, *, kept: str = ""
) -> None:
    """End the notifications of this browser, unless they are those of the user `kept`."""
    try:
        digest = bytes.fromhex(read(request, DEVICE, settings))
    except ValueError:
        digest = b""
    if digest and (await connection.execute(_QUERIES["forget_device"], {"digest": digest, "kept": kept})).rowcount:
        forget(response, DEVICE, settings)
