"""Connect as a client does, step by step, to tell an unreachable server from a wrong certificate; and look at that one.

A certificate is looked at without trusting it, so that one that has ended or is somebody else's can be named.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509

CONNECT_SECONDS = 5.0
_REQUEST_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""PostgreSQL's SSLRequest; the answer is `S` or `N`."""
_EXPIRED, _NOT_YET, _OTHER_NAME, _OTHER_ADDRESS, _REVOKED = 10, 9, 62, 64, 23  # OpenSSL's X509_V_ERR numbers
_NO_ISSUER = (2, 18, 19, 20, 21)


class Obstacle(StrEnum):
    """Why a server cannot be spoken to."""

    UNREACHABLE = "unreachable"
    EXPIRED = "expired"
    NAME = "name"
    ISSUER = "issuer"
    REVOKED = "revoked"
    TLS = "tls"
    OUR_FILES = "our_files"


@dataclass(frozen=True, slots=True)
class Server:
    """A server and how TLS with it begins.

    Attributes:
        name: that its certificate must carry.
        postgres: TLS begins after PostgreSQL's own request.
    """

    host: str
    port: int
    name: str
    postgres: bool = False

    @property
    def where(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Hindered:
    """What hindered a connection; `detail` is the system's or TLS's own word."""

    obstacle: Obstacle
    detail: str


async def hindrance(server: Server, context: Callable[[], ssl.SSLContext] | None) -> Hindered | None:
    """What keeps us from a connection, with TLS when `context` makes one; None when nothing does."""
    try:
        made = None if context is None else context()
    except OSError as error:
        return Hindered(Obstacle.OUR_FILES, _told(error))
    try:
        async with asyncio.timeout(CONNECT_SECONDS), _connected(server, made):
            return None
    except ssl.SSLCertVerificationError as error:
        return Hindered(_verified(error.verify_code), error.verify_message)
    except ssl.SSLError as error:
        return Hindered(Obstacle.TLS, error.reason or str(error))
    except TimeoutError:
        return Hindered(Obstacle.UNREACHABLE, f"no answer within {CONNECT_SECONDS:g} s")
    except OSError as error:
        return Hindered(Obstacle.UNREACHABLE, _told(error))


async def ends_at(server: Server) -> datetime | None:
    """When the certificate ends that the server presents, trusted or not; None when it presents none to us."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(CONNECT_SECONDS), _connected(server, context) as writer:
            tls = writer.get_extra_info("ssl_object")
            shown = None if tls is None else tls.getpeercert(binary_form=True)
            return None if not shown else x509.load_der_x509_certificate(shown).not_valid_after_utc
    except (OSError, TimeoutError, ValueError):
        return None


@asynccontextmanager
async def _connected(server: Server, context: ssl.SSLContext | None) -> AsyncIterator[asyncio.StreamWriter]:
    begins_plain = context is None or server.postgres
    reader, writer = await asyncio.open_connection(
        server.host,
        server.port,
        ssl=None if begins_plain else context,
        server_hostname=None if begins_plain else server.name,
    )
    try:
        if server.postgres and context is not None:
            writer.write(_REQUEST_TLS)
            if await reader.read(1) != b"S":
                raise ConnectionError("the server speaks no TLS")
            await writer.start_tls(context, server_hostname=server.name)
        yield writer
    finally:
        writer.transport.abort()


def _verified(code: int) -> Obstacle:
    if code in (_EXPIRED, _NOT_YET):
        return Obstacle.EXPIRED
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        return Obstacle.NAME
    if code == _REVOKED:
        return Obstacle.REVOKED
    return Obstacle.ISSUER if code in _NO_ISSUER else Obstacle.TLS


def _told(error: OSError) -> str:
    text = error.strerror or str(error) or type(error).__name__
    if error.errno is not None and error.errno > 0:  # asyncio puts its own words into `strerror`
        text = os.strerror(error.errno)
    return text if error.filename is None else f"{error.filename}: {text}"
