"""Requests to URLs that our operator configured: https, to checked addresses only, without redirects and proxies.

A name is resolved once, every address it has must be public, and the connection goes to the checked address
itself, so that a second answer of the name server changes nothing. Hosts that the operator allows by name may be
in the own network and may speak plain http.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import httpx2

MAX_RESPONSE_BYTES: Final = 64 * 1024

_PORTS: Final = {"http": 80, "https": 443}
_NAT64 = IPv6Network("64:ff9b::/96")
_NOT_PUBLIC = (
    IPv4Network("192.0.0.0/24"),  # global for the ipaddress module of some Python versions, as are the next two
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2001::/23"),
)

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]


class Forbidden(Exception):
    """The URL may not be called; the text names the reason, never the URL."""


class TooLarge(Exception):
    """The answer is longer than it may be; `status` is its status all the same."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent.

    Attributes:
        seconds: deadline of everything together.
        max_bytes: how long the answer may be, unpacked.
        allow_hosts: names that may resolve to private addresses and use http.
        tls: certificates to trust and our own to show; the system's without it.
    """

    url: str
    seconds: float
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    max_bytes: int = MAX_RESPONSE_BYTES
    allow_hosts: Collection[str] = ()
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are in lower case. `whole` is False when the body was cut off at the cap."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True


async def call(
    url: str,
    *,
    seconds: float,
    allow_hosts: Collection[str] = (),
    resolve: Resolve | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> int:
    """GET `url` and return the status of its answer; at most 64 KiB of the body are read.

    Args:
        seconds: deadline of everything together.
        allow_hosts: names that may resolve to private addresses and use http.
        resolve, transport: replaced in tests.

    Raises:
        Forbidden: scheme, port, name or address is not allowed.
        TimeoutError: the deadline has passed.
        httpx2.HTTPError: the request failed.
    """
    request = Request(url, seconds, allow_hosts=allow_hosts)
    return (await _exchange(request, resolve, transport)).status


async def send(
    request: Request, *, resolve: Resolve | None = None, transport: httpx2.AsyncBaseTransport | None = None
) -> Answer:
    """Send `request` and return the whole answer, whatever its status.

    Raises:
        Forbidden: scheme, port, name or address is not allowed.
        TimeoutError: the deadline has passed.
        TooLarge: the answer is longer than `max_bytes`.
        httpx2.HTTPError, httpx2.InvalidURL: the request failed.
    """
    answer = await _exchange(request, resolve, transport)
    if not answer.whole:
        raise TooLarge(f"the answer has more than {request.max_bytes} bytes", answer.status)
    return answer


def checked(addresses: list[str], *, trusted: bool) -> Address:
    """The first of `addresses`, after all have been checked.

    Raises:
        Forbidden: there is none, or one of them is not public and the host is not trusted.
    """
    parsed = [ip_address(address.partition("%")[0]) for address in addresses]
    if not parsed:
        raise Forbidden("the host has no address")
    if not trusted and not all(is_public(address) for address in parsed):
        raise Forbidden("the host has an address that is not public")
    return parsed[0]


def is_public(address: Address) -> bool:
    """True for addresses of the public internet; an address inside an IPv6 wrapping counts as what it wraps."""
    if isinstance(address, IPv6Address):
        inner = _wrapped(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def _check_scheme(target: httpx2.URL, *, trusted: bool) -> None:
    if target.scheme != "https" and not (trusted and target.scheme == "http"):
        raise Forbidden("only https is called, except hosts that are allowed by name")
    if not target.host:
        raise Forbidden("the URL has no host")


async def _resolve(host: str, port: int) -> list[str]:
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in answers]


async def _exchange(request: Request, resolve: Resolve | None, transport: httpx2.AsyncBaseTransport | None) -> Answer:
    target = httpx2.URL(request.url)
    trusted = target.host in request.allow_hosts
    _check_scheme(target, trusted=trusted)
    async with asyncio.timeout(request.seconds):
        addresses = await (resolve or _resolve)(target.host, target.port or _PORTS[target.scheme])
        address = checked(addresses, trusted=trusted)
        client = httpx2.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=request.seconds,
            transport=transport,
            verify=_system_authorities() if request.tls is None else request.tls,
        )
        async with client:
            return await _answer(client, request, target, address)


@cache
def _system_authorities() -> ssl.SSLContext:
    """Made once: reading all certificates takes 20 ms, in which nothing else of the program would run."""
    return httpx2.create_ssl_context(trust_env=False)


async def _answer(client: httpx2.AsyncClient, request: Request, target: httpx2.URL, address: Address) -> Answer:
    """Ask at `address` itself; certificate, SNI and Host are those of the name."""
    prepared = client.build_request(
        request.method,
        target.copy_with(host=str(address), userinfo=b""),
        headers={"User-Agent": "stadtfunk", **request.headers, "Host": target.netloc.decode("ascii")},
        content=request.content or None,
        extensions={"sni_hostname": target.host},
    )
    response = await client.send(prepared, auth=_credentials(target), stream=True)
    try:
        body, whole = await _read(response, request.max_bytes)
    finally:
        await response.aclose()
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body, whole)


def _credentials(target: httpx2.URL) -> httpx2.BasicAuth | None:
    return httpx2.BasicAuth(target.username, target.password) if target.userinfo else None


async def _read(response: httpx2.Response, cap: int) -> tuple[bytes, bool]:
    """The unpacked body up to the cap; a receiver that sends more is left."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > cap:
            return bytes(body[:cap]), False
    return bytes(body), True
