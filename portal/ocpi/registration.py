"""Versions, version details and credentials: what an operator asks before the first push."""

from datetime import datetime

from alerts.charging.ocpi.credentials import VERSIONS, Handshake, Refused
from alerts.charging.ocpi.models import Object
from portal.ocpi.callers import Caller
from portal.ocpi.envelope import Code, Fault, Reply
from storage.database import Connection


def versions(base: str) -> Reply:
    """The versions that we speak; `base` is the URL up to `/ocpi`."""
    return Reply([{"version": version, "url": f"{base}/{version}"} for version in VERSIONS])


def details(base: str, version: str) -> Reply:
    """The endpoints of a version."""
    endpoints = [
        {"identifier": "credentials", "role": "RECEIVER", "url": f"{base}/{version}/credentials"},
        {"identifier": "locations", "role": "RECEIVER", "url": f"{base}/{version}/locations"},
    ]
    return Reply({"version": version, "endpoints": endpoints})


async def credentials(
    method: str, caller: Caller, handshake: Handshake, connection: Connection, body: Object, now: datetime
) -> Reply:
    """GET: our credentials; POST: register; PUT: register again with new tokens; DELETE: unregister.

    Raises:
        Fault: registered already, or not yet; or the handshake cannot be finished.
    """
    registered = await handshake.link(connection) is not None
    if method == "GET":
        return Reply(handshake.credentials(caller.token))
    if registered is (method == "POST") or (method != "POST" and not caller.partner):
        raise Fault(405, Code.CLIENT, f"{'Already' if registered else 'Not'} registered")
    if method == "DELETE":
        await handshake.forget(connection)
        return Reply()
    try:
        token = await handshake.accept(connection, body, now)
    except Refused as refused:
        raise Fault(200, refused.code, str(refused)) from None
    return Reply(handshake.credentials(token))
