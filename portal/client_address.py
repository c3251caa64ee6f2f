"""Whose request it is: the address behind our own proxies, and nobody's word else."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.requests import Request

Network = IPv4Network | IPv6Network


def client_address(request: Request, proxies: Sequence[Network]) -> str:
    """The last address that is not one of our proxies; X-Forwarded-For counts only when a proxy sent it."""
    peer = request.client.host if request.client is not None else ""
    forwarded = [one.strip() for one in ",".join(request.headers.getlist("x-forwarded-for")).split(",")]
    for address in reversed([*filter(None, forwarded), peer]):
        if not _one_of(address, proxies):
            return address
    return peer


def _one_of(address: str, proxies: Sequence[Network]) -> bool:
    try:
        known = ip_address(address)
    except ValueError:
        return False
    return any(known in network for network in proxies)
