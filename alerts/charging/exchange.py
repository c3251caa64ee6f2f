"""One request to an operator: guarded, with a deadline, failing with a word that a metric can count."""

import asyncio
import json
import ssl
from enum import StrEnum

import httpx2

from alerts.outgoing import Answer, Forbidden, Request, TooLarge, send

UNAUTHORISED = frozenset({401, 403})
SERVER_ERROR = 500


class ErrorKind(StrEnum):
    """Why an exchange with a source failed; the label of the error counter."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    FORBIDDEN = "forbidden"
    """We may not call that address: our own rules for outgoing requests."""
    UNAUTHORISED = "unauthorised"
    REFUSED = "refused"
    SERVER = "server"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    """The whole answer or message cannot be read."""
    OBJECT = "object"
    """One object of an answer cannot be read; the others were taken."""
    STATUS_CODE = "status_code"
    """OCPI's own code says no."""
    HANDSHAKE = "handshake"
    CONFIGURATION = "configuration"
    DATABASE = "database"
    DEFECT = "defect"


class SourceError(Exception):
    """An exchange with a source failed; the text holds no token and no URL's query."""

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


async def ask(request: Request) -> Answer:
    """The answer to `request`, whatever its status.

    Raises:
        SourceError: there is none.
    """
    try:
        return await send(request)
    except Forbidden as error:
        raise SourceError(ErrorKind.FORBIDDEN, str(error)) from None
    except TooLarge as error:
        raise SourceError(ErrorKind.TOO_LARGE, str(error)) from None
    except (TimeoutError, httpx2.TimeoutException):
        raise SourceError(ErrorKind.TIMEOUT, f"no answer within {request.seconds:g} s") from None
    except httpx2.InvalidURL:
        raise SourceError(ErrorKind.CONFIGURATION, "the URL is none") from None
    except httpx2.DecodingError:
        raise SourceError(ErrorKind.MALFORMED, "the answer cannot be unpacked") from None
    except (httpx2.HTTPError, OSError) as error:
        raise SourceError(ErrorKind.UNREACHABLE, _reason(error)) from None


def check(answer: Answer, *, allowed: frozenset[int] = frozenset({200})) -> None:
    """Accept the HTTP status.

    Raises:
        SourceError: it is none of `allowed`.
    """
    if answer.status in allowed:
        return
    if answer.status in UNAUTHORISED:
        kind = ErrorKind.UNAUTHORISED
    else:
        kind = ErrorKind.SERVER if answer.status >= SERVER_ERROR else ErrorKind.REFUSED
    raise SourceError(kind, f"HTTP status {answer.status}")


async def read_json(answer: Answer) -> object:
    """The body; a long one is read in a thread, because the loop has more to do.

    Raises:
        SourceError: it is no JSON.
    """
    try:
        if len(answer.body) < 2**18:
            return json.loads(answer.body)
        return await asyncio.to_thread(json.loads, answer.body)
    except (ValueError, RecursionError):
        raise SourceError(ErrorKind.MALFORMED, "the answer is no JSON") from None


def _reason(error: BaseException) -> str:
    """The kind of failure; a TLS failure says what OpenSSL says, which names no secret."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {cause.reason or type(cause).__name__}"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__
