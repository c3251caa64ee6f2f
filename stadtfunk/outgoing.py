"""Requests to URLs that the operator configured: https, to checked addresses only, without redirects and proxies.

A name is resolved once, every address it has must be public, and the connection goes to the checked address
itself, so that a second answer of the name server changes nothing. Hosts that the operator allows by name may be
in the own network and may speak plain http.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection
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
    target = httpx2.URL(url)
    trusted = target.host in allow_hosts
    _check_scheme(target, trusted=trusted)
    async with asyncio.timeout(seconds):
        addresses = await (resolve or _resolve)(target.host, target.port or _PORTS[target.scheme])
        address = checked(addresses, trusted=trusted)
        return await _get(target, address, seconds, transport)


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


async def _get(
    target: httpx2.URL, address: Address, seconds: float, transport: httpx2.AsyncBaseTransport | None
) -> int:
    """GET from `address` itself; certificate, SNI and Host are those of the name."""
    client = httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=seconds, transport=transport)
    headers = {"Host": target.netloc.decode("ascii"), "User-Agent": "stadtfunk"}
    async with client:
        request = client.build_request(
            "GET",
            target.copy_with(host=str(address), userinfo=b""),
            headers=headers,
            extensions={"sni_hostname": target.host},
        )
        response = await client.send(request, auth=_credentials(target), stream=True)
        try:
            await _drain(response)
        finally:
            await response.aclose()
        return response.status_code


def _credentials(target: httpx2.URL) -> httpx2.BasicAuth | None:
    return httpx2.BasicAuth(target.username, target.password) if target.userinfo else None


async def _drain(response: httpx2.Response) -> None:
    """Read the answer up to the cap; a receiver that sends more is left."""
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            return
