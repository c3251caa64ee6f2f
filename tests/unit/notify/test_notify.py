"""What systemd is told, over a socket like its own."""

import asyncio
import os
import socket

import pytest

from portal.health import Check
from stadtfunk.notify import STATUS_SECONDS, interval, tell_systemd


class State:
    ok = True

    def checks(self):
        return [Check("database", self.ok, "a detail that stays here"), Check("spool", ok=True)]


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """The receiving end and its name in the environment."""
    name = f"{tmp_path}/notify" if request.param == "path" else f"\0stadtfunk-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name)
        receiver.setblocking(False)
        yield receiver, name.replace("\0", "@")


async def received(receiver):
    async with asyncio.timeout(10):
        while True:
            try:
                return receiver.recv(4096).decode()
            except BlockingIOError:
                await asyncio.sleep(0.005)


async def test_started_alive_unready_and_stopping_are_told(systemd):
    receiver, name = systemd
    state = State()
    told = asyncio.create_task(tell_systemd(state, environment={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000"}))
    assert await received(receiver) == "READY=1\nSTATUS=ready"
    assert await received(receiver) == "WATCHDOG=1\nSTATUS=ready"
    state.ok = False
    while (line := await received(receiver)) == "WATCHDOG=1\nSTATUS=ready":
        pass
    assert line == "WATCHDOG=1\nSTATUS=not ready: database"
    told.cancel()
    while (line := await received(receiver)).startswith("WATCHDOG"):
        pass
    assert line == "STOPPING=1\nSTATUS=stopping"


async def test_without_systemd_nothing_is_sent():
    await tell_systemd(State(), environment={})
    await tell_systemd(State(), environment={"NOTIFY_SOCKET": "vsock:2:1234"})


async def test_a_socket_that_is_gone_ends_nothing(tmp_path):
    told = asyncio.create_task(tell_systemd(State(), environment={"NOTIFY_SOCKET": f"{tmp_path}/gone"}))
    await asyncio.sleep(0)
    assert not told.done()
    told.cancel()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, STATUS_SECONDS),
        ({"WATCHDOG_USEC": "30000000"}, 10),
        ({"WATCHDOG_USEC": "6000000"}, 2),
        ({"WATCHDOG_USEC": "0"}, STATUS_SECONDS),
        ({"WATCHDOG_USEC": "6000000", "WATCHDOG_PID": "1"}, STATUS_SECONDS),
        ({"WATCHDOG_USEC": "6000000", "WATCHDOG_PID": str(os.getpid())}, 2),
    ],
)
def test_a_third_of_what_systemd_waits(environment, seconds):
    assert interval(environment) == pytest.approx(seconds)
