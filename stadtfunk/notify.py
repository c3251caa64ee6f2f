"""Tells systemd that the service has started, that its event loop lives, and whether it is ready: sd_notify(3).

A datagram to the socket that systemd names; without one nothing is sent. The watchdog follows the event loop alone,
like `/healthz`: a database that is away is no reason to restart.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from typing import Final

from portal.health import Health

log = logging.getLogger(__name__)

STATUS_SECONDS: Final = 10.0
"""How often the state is told where there is no watchdog."""


async def tell_systemd(health: Health, *, environment: Mapping[str, str] = os.environ) -> None:
    """Say that we are started, and from then on that we live, until cancelled; returns at once without systemd.

    Args:
        environment: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are read.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as systemd:
        systemd.setblocking(False)
        name = address.replace("@", "\0", 1) if address.startswith("@") else address
        _send(systemd, name, f"READY=1\nSTATUS={_status(health)}")
        try:
            while True:
                _send(systemd, name, f"WATCHDOG=1\nSTATUS={_status(health)}")
                await asyncio.sleep(interval(environment))
        finally:
            _send(systemd, name, "STOPPING=1\nSTATUS=stopping")


def interval(environment: Mapping[str, str]) -> float:
    """Seconds between two signs of life: a third of what systemd waits, if it watches this process."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    if not microseconds.isdecimal() or not int(microseconds) or not ours:
        return STATUS_SECONDS
    return min(STATUS_SECONDS, int(microseconds) / 3e6)


def _status(health: Health) -> str:
    """One line for `systemctl status`: the names of failing checks, without their details."""
    failing = [check.name for check in health.checks() if not check.ok]
    return "ready" if not failing else f"not ready: {', '.join(failing)}"


def _send(systemd: socket.socket, address: str, message: str) -> None:
    try:
        systemd.sendto(message.encode(), address)
    except OSError as error:  # systemd is busy or being restarted: the next sign of life comes soon
        log.warning("notify_failed error=%s", error.strerror)
