"""OCPI's envelope around every answer, and the faults that become one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

from alerts.charging.ocpi.models import write_time

ECHOED = ("X-Request-ID", "X-Correlation-ID")
SWAPPED = (
    ("OCPI-to-party-id", "OCPI-from-party-id"),
    ("OCPI-to-country-code", "OCPI-from-country-code"),
)
LONGEST_ECHO = 100


class Code(IntEnum):
    """OCPI's status codes, those that we answer with."""

    SUCCESS = 1000
    CLIENT = 2000
    INVALID = 2001
    UNKNOWN_LOCATION = 2003
    SERVER = 3000


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered with.

    Attributes:
        code: OCPI's own status beside HTTP's.
    """

    data: object = None
    status: int = 200
    code: int = Code.SUCCESS
    message: str = ""


class Fault(Exception):
    """A request that is not carried out."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.reply = Reply(status=status, code=code, message=message)


def invalid(message: str) -> Fault:
    """A request that is understood as HTTP and JSON but not as OCPI: HTTP 200 with OCPI's 2001."""
    return Fault(200, Code.INVALID, message)


def response(reply: Reply, request: Headers, now: datetime, *, routed: bool) -> Response:
    """The answer with its envelope and headers.

    Args:
        request: the request's headers; its ids are echoed.
        routed: a functional module, whose addressee answers to its sender.
    """
    envelope: dict[str, object] = {"status_code": int(reply.code), "timestamp": write_time(now)}
    if reply.data is not None:
        envelope["data"] = reply.data
    if reply.message:
        envelope["status_message"] = reply.message
    headers = _headers(request, routed=routed)
    if reply.status == 401:
        headers["WWW-Authenticate"] = "Token"
    return JSONResponse(envelope, status_code=reply.status, headers=headers)


def _headers(request: Headers, *, routed: bool) -> dict[str, str]:
    wanted: Mapping[str, str] = {name: name for name in ECHOED}
    if routed:
        wanted = {**wanted, **{ours: theirs for one, other in SWAPPED for ours, theirs in ((one, other), (other, one))}}
    found = {name: request.get(source, "")[:LONGEST_ECHO] for name, source in wanted.items()}
    return {name: value for name, value in found.items() if value}
