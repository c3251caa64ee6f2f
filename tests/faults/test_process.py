"""Rows 1-4 and 11: the service is killed, stopped, killed at the worst moments, and started twice."""

from collections.abc import Callable
from time import monotonic

import pytest

from tests.faults.stage import Stage

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]
KILLED = 137


async def test_row_1_kill_in_the_middle_of_a_batch(stage: MakeStage) -> None:
    async with stage() as on:
        async with on.sending(400):
            for _ in on.size.times(3, 20):
                await on.random_while(0.3, 1.5)
                on.service.kill()
                back = await on.restart()
                on.measure("1", "ready after kill -9, seconds", back, "<= 3")
                assert back <= on.size.limit(3)
        account = await on.settle()
        assert account.stored > 100


async def test_row_2_sigterm_under_load(stage: MakeStage) -> None:
    async with stage(source={"max_batch": 100}) as on:
        async with on.sending(400):
            for _ in on.size.times(2, 5):
                await on.random_while(0.5, 1.5)
                on.service.terminate()
                asked = monotonic()
                assert await on.service.exit_code() == 0
                ended = monotonic() - asked
                on.measure("2", "exit after SIGTERM, seconds", ended, "<= 5")
                assert ended <= 5
                await on.restart()
                await on.drained()
                redelivered = (await on.service.metrics())["duplicate_uplinks_total"]
                on.measure("2", "redelivered after SIGTERM, batch 100", redelivered, "<= 100")
                assert redelivered <= 100
        await on.settle()


async def test_row_2_sigterm_while_the_database_hangs(stage: MakeStage) -> None:
    """The batch in progress is given up for the spool, and acknowledged."""
    async with stage() as on:
        for _ in on.size.times(1, 10):
            await on.random_while(0, 0.5)
            before = on.count("uplink")
            with on.server.frozen():
                await on.publish([on.traffic.good() for _ in range(300)])
                on.service.terminate()
                asked = monotonic()
                assert await on.service.exit_code() == 0
                ended = monotonic() - asked
                on.measure("2", "exit after SIGTERM, database hangs, seconds", ended, "<= 5")
                assert ended <= 5, on.service.log()
            assert on.count("uplink") == before
            await on.restart()
            await on.drained()
        await on.settle()


async def test_row_3_kill_between_commit_and_ack(stage: MakeStage) -> None:
    async with stage() as on:
        await on.queue([on.traffic.good() for _ in range(300)])
        on.service.start(fault="after_commit:1")
        assert await on.service.exit_code() == KILLED
        committed = on.count("uplink")
        assert 0 < committed <= 300
        await on.restart()
        await on.drained()
        metrics = await on.service.metrics()
        assert metrics["duplicate_uplinks_total"] == committed
        assert metrics["stored_uplinks_total"] == 300 - committed
        assert metrics.value("stored_readings_total", kind="tree_moisture") == 300 - committed
        await on.settle()


async def test_row_4_kill_between_write_and_commit(stage: MakeStage) -> None:
    async with stage() as on:
        await on.queue(on.traffic.take(300))
        on.service.start(fault="before_commit:1")
        assert await on.service.exit_code() == KILLED
        assert on.count("uplink") == on.count("rejected") == 0
        await on.restart()
        await on.drained()
        assert (await on.service.metrics())["duplicate_uplinks_total"] == 0
        await on.settle()


async def test_row_11_a_second_instance_refuses_to_start(stage: MakeStage) -> None:
    async with stage() as on:
        second = on.another("second")
        async with on.sending(100), second:
            started = monotonic()
            assert await second.exit_code() == 3
            refused = monotonic() - started
            on.measure("11", "second instance refused, seconds", refused, "<= 3")
            assert refused <= on.size.limit(3)
            assert "stadtfunk-city" in second.log()
        metrics = await on.service.metrics()
        assert metrics["source_reconnects_total"] == 0
        assert metrics["commit_retries_total"] == 0
        await on.settle()


async def test_row_11_a_second_instance_on_the_same_spool_refuses_without_a_database(stage: MakeStage) -> None:
    async with stage() as on:
        second = on.another("second", client_id="another")
        second.configure({**second.configuration, "spool": on.service.configuration["spool"]})
        on.server.stop_fast()
        async with second:
            assert await second.exit_code() == 3
        assert "spool.sqlite" in second.log()
        on.server.start()
        assert (await on.service.metrics())["source_reconnects_total"] == 0
        await on.settle()
