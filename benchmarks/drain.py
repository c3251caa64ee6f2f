"""Drain: a persistent session with queued QoS 1 uplinks is received, decoded, deduplicated, committed and acked."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import mqtt5

from benchmarks.codecs import codec_settings
from benchmarks.messages import APPLICATION, SENSORS, uplinks
from benchmarks.rig import Rig
from tests.support.publisher import Publisher

CLIENT_ID = "stadtfunk-bench"
FILTER = f"application/{APPLICATION}/device/+/event/up"
TIMEOUT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Drained:
    """One run: messages per second, CPU per message, memory."""

    messages: int
    seconds: float
    cpu: float
    rss_mb: float

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu / self.messages * 1e6


def drain(
    rig: Rig,
    messages: int,
    *,
    devices: int,
    sensor: str = "parking",
    transport: str = "mqtt5",
    null: bool = False,
    profile: str = "",
) -> Drained:
    """Queue `messages` for an absent consumer, then let it drain them."""
    if not null:
        rig.fresh_schema()
    asyncio.run(queue(rig, uplinks(messages, devices=devices, sensor=SENSORS[sensor])))
    report = consume(rig, messages, transport=transport, null=null, profile=profile, codec=sensor == "codec")
    if not null:
        check_all_stored(rig, messages, SENSORS[sensor].table)
    return Drained(messages, report["seconds"], report["cpu"], report["rss_mb"])


async def queue(rig: Rig, messages: Iterable[tuple[str, bytes]]) -> None:
    """Make the consumer's session and fill its queue."""
    await _make_session(rig.broker.port)
    async with Publisher(rig.broker.port) as publisher:
        await publisher.publish_all(messages)


def consume(
    rig: Rig, messages: int, *, transport: str, null: bool, profile: str = "", codec: bool = False
) -> dict[str, float]:
    """Run the consumer in a process of its own until it has acked everything."""
    order = {
        "messages": messages,
        "null": null,
        "profile": profile,
        "settings": settings(rig, transport, codec=codec),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.consumer", json.dumps(order)],
        check=True,
        stdout=subprocess.PIPE,
        timeout=TIMEOUT_SECONDS,
    )
    report: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return report


def settings(rig: Rig, transport: str, *, codec: bool = False) -> dict[str, object]:
    """The service's configuration: defaults but for addresses, and a vendor's codec."""
    return {
        "sources": [
            {
                "name": "bench",
                "host": rig.broker.host,
                "port": rig.broker.port,
                "client_id": CLIENT_ID,
                "topics": [FILTER],
                "transport": transport,
                **({"mqtt_version": "5"} if transport == "paho" else {}),
                "canary": {"enabled": False},
            }
        ],
        "database": {"dsn": rig.dsn},
        "spool": {"path": str(rig.folder / "spool.sqlite")},
        "http": {"port": 0},
        **(codec_settings(rig.folder / "codecs") if codec else {}),
    }


def check_all_stored(rig: Rig, messages: int, readings: str) -> None:
    """A rate counts only if every message is there once, with its reading."""
    with rig.connect() as connection:
        for table in ("uplink", readings):
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            if row is None or row[0] != messages:
                raise AssertionError(f"{table} has {row} rows after draining {messages} messages")


async def _make_session(port: int) -> None:
    """Subscribe as the consumer and go away: from now on the broker queues."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for clean in (True, False):
        connect = mqtt5.ConnectPacket(CLIENT_ID, clean_start=clean, session_expiry_interval=3600, keep_alive=60)
        if not clean:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(connect.write())
        await reader.read(4096)
        writer.write(mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(FILTER, max_qos=mqtt5.QoS.AT_LEAST_ONCE)]).write())
        await reader.read(4096)
        writer.write(mqtt5.DisconnectPacket().write())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
