"""The spool's own faults: full, on a full disk, killed while it is written or drained. Nothing is ever dropped."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from storage.spool import RESERVE
from tests.faults.stage import Stage

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]
KILLED = 137
MIB = 2**20


async def test_a_full_spool_stops_acks_and_reading(stage: MakeStage) -> None:
    async with stage(settings={"spool": {"max_bytes": MIB}}, source=SMALL_BUFFER) as on:
        await asyncio.to_thread(on.server.stop_fast)
        await on.publish(on.traffic.take(2000))
        detail = await on.service.failing("spool")
        assert "is full" in detail
        await held_back(on)
        await asyncio.to_thread(on.server.start)
        await on.settle()


async def test_a_disk_without_space_for_the_spool_stops_acks_and_reading(stage: MakeStage) -> None:
    """No file may grow any more while the database is away; later it may."""
    async with stage(source=SMALL_BUFFER) as on:
        await asyncio.to_thread(on.server.stop_fast)
        await on.publish(on.traffic.take(300))
        await on.until(lambda: spool_size(on.service.folder) > 0)
        on.service.limit_file_size(spool_size(on.service.folder))
        await on.publish(on.traffic.take(2000))
        detail = await on.service.failing("spool")
        assert "cannot be used" in detail
        await held_back(on)
        on.service.limit_file_size(None)
        await on.until(lambda: spool_size(on.service.folder) > 2000 * 1000)
        await asyncio.to_thread(on.server.start)
        await on.settle()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system in memory; only root can mount one."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={RESERVE + 3 * MIB}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"this machine does not let us mount a small file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_spool_that_has_filled_its_disk_still_drains(stage: MakeStage, small_disk: Path) -> None:
    """Deleting needs room, too: the spool stops while there is enough for that."""
    async with stage(settings={"spool": {"path": str(small_disk / "spool.sqlite")}}, source=SMALL_BUFFER) as on:
        await asyncio.to_thread(on.server.stop_fast)
        await on.publish(on.traffic.take(3000))
        assert "disk" in await on.service.failing("spool")
        await held_back(on)
        await asyncio.to_thread(on.server.start)
        await on.settle()
        assert (await on.service.metrics())["spool_messages"] == 0


async def test_a_disk_that_others_have_filled_is_waited_for(stage: MakeStage, small_disk: Path) -> None:
    """What is stored cannot be deleted from the spool before there is space again; it is stored once all the same."""
    async with stage(settings={"spool": {"path": str(small_disk / "spool.sqlite")}}, source=SMALL_BUFFER) as on:
        await asyncio.to_thread(on.server.stop_fast)
        await on.publish(on.traffic.take(500))
        await on.until(lambda: spool_size(small_disk) > 500 * 1000)
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        await asyncio.to_thread(on.server.start)
        await on.service.failing("spool")
        assert on.service.running
        filler.unlink()
        await on.settle()
        assert (await on.service.metrics())["spool_messages"] == 0


async def test_sigterm_ends_in_time_although_nothing_takes_the_messages(stage: MakeStage) -> None:
    """Database frozen, spool full: nothing more can be stored, so nothing more is acknowledged."""
    async with stage(settings={"spool": {"max_bytes": MIB}}, source=SMALL_BUFFER) as on:
        with on.server.frozen():
            await on.publish(on.traffic.take(2000))
            await on.service.failing("spool", 60)
            on.service.terminate()
            assert await on.service.exit_code(5) == 0
        await on.restart()
        await on.settle()


async def test_kill_while_the_spool_is_written_and_drained(stage: MakeStage) -> None:
    async with stage() as on:
        async with on.sending(300):
            for _ in on.size.times(2, 10):
                await asyncio.to_thread(on.server.stop_immediate)
                for _ in range(2):
                    await on.random_while(0.5, 1.5)
                    on.service.kill()
                    on.service.start()
                    await on.until(lambda: "http_listening" in on.service.log())
                await on.random_while(0.5, 1)
                await asyncio.to_thread(on.server.start)
                await on.random_while(0, 0.5)
                on.service.kill()
                await on.restart()
        await on.settle()


@pytest.mark.parametrize("fault", ["after_commit:1", "before_commit:1"])
async def test_kill_between_the_commit_and_the_spools_deletion(stage: MakeStage, fault: str) -> None:
    async with stage() as on:
        await asyncio.to_thread(on.server.stop_fast)
        await on.publish(on.traffic.take(500))
        async with asyncio.timeout(30):
            while (await on.service.metrics())["spool_messages"] < 500:
                await asyncio.sleep(0.1)
        on.service.terminate()
        assert await on.service.exit_code(5) == 0
        await asyncio.to_thread(on.server.start)
        on.service.start(fault=fault)
        assert await on.service.exit_code() == KILLED
        committed = on.count("uplink")
        assert (committed > 0) is fault.startswith("after")
        await on.restart()
        await on.drained()
        assert (await on.service.metrics())["duplicate_uplinks_total"] == committed
        await on.settle()


SMALL_BUFFER = {"max_buffered_messages": 200, "max_batch": 100, "receive_maximum": 100}
"""So that little is in memory when reading stops."""


async def held_back(on: Stage) -> None:
    """The service takes no more: its buffer stays bounded, the connection lives, and the rest waits at the broker."""
    for _ in range(10):
        metrics = await on.service.metrics()
        assert metrics["source_buffered_messages"] <= 200
        await asyncio.sleep(0.1)
    assert metrics["source_connected"] == 1
    assert metrics["source_reconnects_total"] == 0
    assert metrics["spool_messages"] < len(on.acknowledged) - 200


def spool_size(folder: Path) -> int:
    """Bytes of the spool's files in `folder`."""
    return sum(file.stat().st_size for file in folder.glob("spool.sqlite*") if file.suffix != ".lock")
