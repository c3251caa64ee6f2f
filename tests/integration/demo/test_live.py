"""The live city as a process: all families at QoS 1 soon after its start, over broker restarts, to a clean end."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from aiomqtt import Client, Message

from decoders.events import GatewayConnection
from decoders.uplink import Uplink
from ingest.delivery import Delivery
from ingest.formats.chirpstack import parse
from stadtfunk.demo.broker import DemoBroker
from stadtfunk.demo.clock import moment, nanoseconds
from tests.unit.demo.support import at

SECONDS = 60.0
BEGINS_AT = at(2026, 1, 3, 12)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[DemoBroker]:
    with DemoBroker(tmp_path / "broker") as running:
        yield running


@contextmanager
def city(broker: DemoBroker, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A small city, two days after its installation; by the real clock it is late and hurries."""
    login = broker.network_server
    command = [sys.executable, "-m", "stadtfunk.demo", "live", "--port", str(broker.port), "--user", login.username]
    command += ["--password-file", str(login.password_file), "--scale", "0.02", "--end", BEGINS_AT.isoformat()]
    process = subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@asynccontextmanager
async def reader(broker: DemoBroker) -> AsyncIterator[Client]:
    login = broker.ingest
    async with Client(broker.host, broker.port, username=login.username, password=login.password) as client:
        for pattern in ("application/#", "eu868/gateway/#"):
            await client.subscribe(pattern, qos=1)
        yield client


async def first_of_each(broker: DemoBroker, wanted: int) -> dict[str, Message]:
    """The first message of each kind of topic or device profile, until there are as many as wanted."""
    found: dict[str, Message] = {}
    async with asyncio.timeout(SECONDS), reader(broker) as client:
        async for message in client.messages:
            event = parse(Delivery("city", str(message.topic), bytes(message.payload), BEGINS_AT, message.qos))
            kind = event.device_profile.split()[0] if isinstance(event, Uplink) else type(event).__name__
            found.setdefault(kind, message)
            if len(found) >= wanted:
                return found
    return found


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    process.send_signal(number)
    return process.wait(SECONDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_families_come_at_once_and_the_end_is_clean(broker, number):
    with city(broker) as process:
        found = asyncio.run(first_of_each(broker, 5))
        assert end(process, number) == 0
    assert all(message.qos == 1 for message in found.values())
    assert {"Elvaco", "GatewayConnection"} <= found.keys()
    assert found.keys() & {"Dragino", "Milesight", "Decentlab"}


def test_the_burst_is_what_the_history_left_out(broker):
    from stadtfunk.demo.city import DemoCity
    from stadtfunk.demo.settings import DemoSettings
    from stadtfunk.demo.stream import CityStream

    with city(broker, "--speed", "0.001"):
        received = asyncio.run(collect_uplinks(broker, 5))
    stream = CityStream(DemoCity(DemoSettings(scale=0.02)))
    start = stream.live_start(nanoseconds(BEGINS_AT))
    expected = [m for m in stream.messages(start, nanoseconds(BEGINS_AT)) if m.topic.endswith(b"/event/up")]
    assert [bytes(message.payload) for message in received] == [message.payload for message in expected[:5]]
    assert moment(start) < BEGINS_AT


async def collect_uplinks(broker: DemoBroker, count: int) -> list[Message]:
    found: list[Message] = []
    async with asyncio.timeout(SECONDS), reader(broker) as client:
        async for message in client.messages:
            if str(message.topic).endswith("/event/up"):
                found.append(message)
            if len(found) == count:
                break
    return found


def test_it_comes_back_after_a_restart_of_the_broker(broker):
    with city(broker, "--speed", "600") as process:
        asyncio.run(collect_uplinks(broker, 3))
        broker.stop()
        broker.start()
        assert len(asyncio.run(collect_uplinks(broker, 3))) == 3
        assert end(process, signal.SIGTERM) == 0


def test_every_gateway_tells_whether_it_is_connected(broker):
    async def states() -> set[str]:
        found: set[str] = set()
        async with asyncio.timeout(SECONDS), reader(broker) as client:
            async for message in client.messages:
                event = parse(Delivery("city", str(message.topic), bytes(message.payload), BEGINS_AT, message.qos))
                if isinstance(event, GatewayConnection):
                    found.add(event.gateway_id)
                if len(found) == 22:
                    return found
        return found

    with city(broker):
        assert len(asyncio.run(states())) == 22


def test_it_ends_when_its_parent_is_gone(broker, tmp_path):
    """A demo that was killed leaves no city behind."""
    pid_file = tmp_path / "pid"
    login = broker.network_server
    script = (
        "import subprocess, sys, pathlib, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'stadtfunk.demo', 'live', '--scale', '0.02', *sys.argv[2:]])\n"
        "pathlib.Path(sys.argv[1]).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    access = ["--port", str(broker.port), "--user", login.username, "--password-file", str(login.password_file)]
    parent = subprocess.Popen([sys.executable, "-c", script, str(pid_file), *access, "--end", BEGINS_AT.isoformat()])
    try:
        asyncio.run(collect_uplinks(broker, 1))
        child = int(pid_file.read_text())
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + SECONDS
    while alive(child):
        assert time.monotonic() < deadline, "the city lives on"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """True while the process runs; one that ended and that nobody waits for does not count."""
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
