"""Rows 12, 13, 14 and 17: the database restarts, crashes, is away for long, is slow, locked, and cut at COMMIT."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

import pytest

from tests.faults.cutter import CommitCutter
from tests.faults.stage import Stage
from tests.support.chaosproxy import ChaosProxy

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]


@pytest.mark.parametrize("how", ["fast", "immediate"])
async def test_row_12_restart_of_the_database(stage: MakeStage, how: str) -> None:
    async with stage() as on:
        stop = on.server.stop_fast if how == "fast" else on.server.stop_immediate
        async with on.sending(200):
            for _ in on.size.times(2, 5):
                await on.random_while(0.5, 1.5)
                started = monotonic()
                await asyncio.to_thread(stop)
                await asyncio.to_thread(on.server.start)
                await next_commit(on)
                gap = monotonic() - started
                on.measure("12", f"gap over a {how} restart, seconds", gap, "<= 3")
                assert gap <= on.size.limit(3)
        assert (await on.service.metrics())["source_reconnects_total"] == 0
        await on.settle()


async def next_commit(on: Stage) -> None:
    """Wait until an uplink that is made from now on is stored."""
    now = datetime.now(UTC)
    await on.until(lambda: bool(on.query("SELECT 1 FROM uplink WHERE ns_time >= %s LIMIT 1", now)))


async def test_row_13_database_down_for_long(stage: MakeStage) -> None:
    """The spool takes what the table leaves to the broker: spooled and acknowledged, memory flat, then drained."""
    async with stage() as on:
        await on.publish(on.traffic.take(200))
        await on.drained()
        before = on.service.rss_mb()
        await asyncio.to_thread(on.server.stop_fast)
        highest = before
        async with on.sending(on.size.pick(400, 100)):
            down_until = monotonic() + on.size.pick(8, 600)
            while monotonic() < down_until:
                await asyncio.sleep(0.2)
                highest = max(highest, on.service.rss_mb())
        metrics = await on.service.metrics()
        spooled = metrics["spool_messages"]
        assert spooled >= len(on.acknowledged) - 200, "everything acknowledged is in the spool"
        assert metrics["source_buffered_messages"] == 0
        found = await on.service.readiness()
        assert found is not None
        assert found.detail("database")
        assert not found.detail("broker:city")
        await asyncio.to_thread(on.server.start)
        await on.until(lambda: on.count("uplink") > 200)
        drain = await on.drained()
        highest = max(highest, on.service.rss_mb())
        on.measure(
            "13", f"drained {spooled:.0f} from the spool, messages a second", spooled / max(drain, 0.001), ">= 2000"
        )
        on.measure("13", "growth of memory over the outage, MB", highest - before, "<= 50")
        assert highest - before <= 50
        assert spooled / drain >= on.size.pick(500, 2000)
        assert (await on.service.metrics())["spool_messages"] == 0
        await on.settle()


async def test_row_14_table_locked(stage: MakeStage) -> None:
    """Answered refusals are waited for with patience, then spooled; nothing is lost and nothing reconnects."""
    async with stage(source={"max_buffered_messages": 400}) as on:
        async with on.sending(200):
            await on.random_while(0.5, 1)
            with on.server.locked_table(on.database, "uplink"):
                until = monotonic() + on.size.pick(9, 60)
                while monotonic() < until:
                    assert (await on.service.metrics())["source_buffered_messages"] <= 400
                    await asyncio.sleep(0.2)
        await no_reconnect(on)
        await on.settle()


async def test_row_14_database_slow(stage: MakeStage, latency: ChaosProxy) -> None:
    async with stage(source={"max_buffered_messages": 400}, database_port=latency.port) as on:
        await on.publish(on.traffic.take(50))
        await on.drained()
        latency.latency = on.size.pick(0.1, 0.3)
        async with on.sending(200):
            until = monotonic() + on.size.pick(4, 60)
            while monotonic() < until:
                metrics = await on.service.metrics()
                assert metrics["source_buffered_messages"] <= 400
                await asyncio.sleep(0.2)
        assert metrics["commit_retries_total"] == 0, "slow is not away"
        await no_reconnect(on)
        latency.latency = 0  # it is slower than what was sent: the rest waits at the broker
        await on.drained()
        await on.settle()


async def no_reconnect(on: Stage) -> None:
    assert (await on.service.metrics())["source_reconnects_total"] == 0


@pytest.fixture
async def latency(fragile_server):
    async with ChaosProxy(("127.0.0.1", fragile_server.port)) as proxy:
        yield proxy


@pytest.fixture
async def cutter(fragile_server, order):
    async with CommitCutter(("127.0.0.1", fragile_server.port), order, every=3) as proxy:
        yield proxy


async def test_row_17_answer_to_commit_lost(stage: MakeStage, cutter: CommitCutter) -> None:
    async with stage(database_port=cutter.port) as on:
        wanted = int(on.size.pick(30, 200))
        async with on.sending(200):
            started = monotonic()
            while cutter.cuts < wanted:
                assert monotonic() - started < 20 + 3 * wanted, f"{cutter.cuts} cuts"
                await asyncio.sleep(0.05)
            cutter.armed = False
        await on.settle()
        metrics = await on.service.metrics()
        twice = metrics["duplicate_uplinks_total"]
        on.measure("17", f"uplinks committed twice over {wanted} cuts at COMMIT", twice, "stored once")
        assert twice > 0, "some of the commits had happened"
