"""Latency and outage: steady traffic on the running service, with the database there, or away for a minute."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.drain import queue, settings
from benchmarks.messages import uplink
from benchmarks.rig import Rig
from tests.support.publisher import Publisher

SLOT_SECONDS = 0.01
SETTLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Outage:
    """What an absence of the database cost."""

    sent: int
    lost: int
    rss_growth_mb: float
    spooled: int
    drain_rate: float


def latency(rig: Rig, *, rate: int, seconds: int) -> list[float]:
    """Sorted milliseconds from publish to commit at `rate` messages per second."""
    rig.fresh_schema()
    asyncio.run(queue(rig, []))
    with observed(rig) as process:
        asyncio.run(_publish(rig, rate=rate, seconds=seconds))
        _await_rows(rig, rate * seconds)
        report = _end(process)
    return sorted(report["lags_ms"])


def outage(rig: Rig, *, rate: int, before: int, away: int, after: int) -> Outage:
    """Traffic before, during and after an absence of the database; only with an embedded server."""
    assert rig.embedded is not None
    rig.fresh_schema()
    asyncio.run(queue(rig, []))
    sent = rate * (before + away + after)
    with observed(rig) as process:
        went, came = asyncio.run(_publish_through_outage(rig, rate=rate, spans=(before, away, after)))
        _await_rows(rig, sent)
        report = _end(process)
    samples = report["samples"]
    return Outage(
        sent=sent,
        lost=sent - _rows(rig),
        rss_growth_mb=_growth(samples, went, came),
        spooled=max(depth for _, _, depth in samples),
        drain_rate=_drain_rate(samples, came),
    )


async def _publish(rig: Rig, *, rate: int, seconds: float, first: int = 0) -> None:
    """`rate` messages per second in slots of 10 ms, each stamped with the moment of its sending."""
    async with Publisher(rig.broker.port) as publisher:
        start, number = time.perf_counter(), first
        for slot in range(round(seconds / SLOT_SECONDS)):
            due = start + slot * SLOT_SECONDS
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            goal = first + round((slot + 1) * SLOT_SECONDS * rate)
            batch = [uplink(n, devices=5000, at=datetime.now(UTC)) for n in range(number, goal)]
            number = goal
            await publisher.publish_all(batch)


async def _publish_through_outage(rig: Rig, *, rate: int, spans: tuple[int, int, int]) -> tuple[float, float]:
    """Times at which the database went and came back."""
    assert rig.embedded is not None
    before, away, _ = spans
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_publish(rig, rate=rate, seconds=sum(spans)))
        await asyncio.sleep(before)
        went = time.time()
        await asyncio.to_thread(rig.embedded.stop, mode=signal.SIGINT)
        await asyncio.sleep(max(0.0, went + away - time.time()))
        await asyncio.to_thread(rig.embedded.start)
        came = time.time()
    return went, came


@contextmanager
def observed(rig: Rig) -> Iterator[subprocess.Popen[str]]:
    """The service in a process of its own, observed from inside."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.observed", json.dumps(settings(rig, "mqtt5"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _end(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = process.communicate("", timeout=SETTLE_SECONDS)
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    return report


def _rows(rig: Rig) -> int:
    with rig.connect() as connection:
        row = connection.execute("SELECT count(*) FROM uplink").fetchone()
        return 0 if row is None else int(row[0])


def _await_rows(rig: Rig, wanted: int) -> None:
    """Wait until everything sent is stored, or until nothing more can be expected."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while _rows(rig) < wanted and time.monotonic() < deadline:
        time.sleep(0.2)


def _growth(samples: list[tuple[float, float, int]], went: float, came: float) -> float:
    before = max(rss for at, rss, _ in samples if at <= went)
    during = max(rss for at, rss, _ in samples if went <= at <= came)
    return max(0.0, during - before)


def _drain_rate(samples: list[tuple[float, float, int]], came: float) -> float:
    """Messages per second that left the spool, from its fullest moment to its emptiness, new ones not counted."""
    fullest, depth = max(((at, depth) for at, _, depth in samples if at >= came - 1), key=lambda pair: pair[1])
    empty = min((at for at, _, left in samples if at > fullest and left == 0), default=float("inf"))
    return depth / max(empty - fullest, SLOT_SECONDS)
