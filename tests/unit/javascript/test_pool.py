"""The pool of the pipeline, and the worker of `Codec`: real workers that are killed, cancelled, forked and orphaned."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from time import monotonic, sleep

import pytest

from decoders import javascript
from decoders.javascript import Codec, CodecCall, CodecFailure, CodecPool, CodecSource, SandboxError
from decoders.sandbox import process
from decoders.sandbox.process import Limits
from decoders.sandbox.runner import Runner
from tests.unit.javascript.files import AT, TESTS

SUM = CodecSource("sum", "function decodeUplink(i) { return { data: { sum: i.bytes.reduce((a, b) => a + b, 0) } }; }")
KILLER = CodecSource("killer", (TESTS / "codecs" / "adversarial" / "native_search.js").read_text(encoding="utf-8"))
CEST = timezone(timedelta(hours=2))
ENDLESS = CodecSource("endless", "function decodeUplink() { for (;;); }")


def call(codec: CodecSource, *payload: int) -> CodecCall:
    return CodecCall(codec, bytes(payload), 1, AT)


@pytest.fixture
async def pool():
    pool = CodecPool()
    yield pool
    await pool.close()


def pid(pool: CodecPool) -> int:
    return pool._desks[0]._worker._process.pid


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def ends(process_id: int, seconds: float = 10) -> bool:
    deadline = monotonic() + seconds
    while is_running(process_id) and monotonic() < deadline:
        sleep(0.01)
    return not is_running(process_id)


async def test_answers_in_order(pool):
    results = await pool.run([call(SUM, number, 1) for number in range(200)])
    assert [result.data["sum"] for result in results] == list(range(1, 201))
    assert await pool.run([]) == []


async def test_a_killer_in_the_middle_costs_nobody_an_answer(pool):
    calls = [call(SUM, number) for number in range(20)]
    calls[7] = call(KILLER)
    await pool.run([call(SUM, 1)])
    before = pid(pool)
    results = await pool.run(calls)
    assert results[7].failure is CodecFailure.KILLED
    assert [result.data["sum"] for result in results[:7] + results[8:]] == [n for n in range(20) if n != 7]
    assert pid(pool) != before
    assert ends(before)


async def test_the_endless_are_quarantined_within_one_batch(pool):
    results = await pool.run([call(ENDLESS), call(SUM, 1)] * 9)
    failures = [result.failure for result in results[::2]]
    assert failures == [CodecFailure.OVERRUN] * 5 + [CodecFailure.QUARANTINED] * 4
    assert all(result.data == {"sum": 1} for result in results[1::2])
    assert pool.quarantined == ("endless",)


async def test_a_cancelled_batch_does_not_answer_the_next(pool):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await pool.run([call(KILLER)])
    assert (await pool.run([call(SUM, 4, 5)]))[0].data == {"sum": 9}


async def test_batches_at_the_same_time_do_not_mix():
    pool = CodecPool(workers=2)
    batches = [[call(SUM, batch, number) for number in range(50)] for batch in range(8)]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(pool.run(batch)) for batch in batches]
    finally:
        await pool.close()
    for batch, task in enumerate(tasks):
        assert [result.data["sum"] for result in task.result()] == [batch + number for number in range(50)]


async def test_a_worker_that_was_killed_from_outside_is_replaced(pool):
    await pool.run([call(SUM, 1)])
    os.kill(pid(pool), 9)
    assert (await pool.run([call(SUM, 2)]))[0].data == {"sum": 2}


async def test_signals_that_end_the_service_are_not_for_its_worker(pool):
    await pool.run([call(SUM, 1)])
    before = pid(pool)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(before, number)
    assert (await pool.run([call(SUM, 2)]))[0].data == {"sum": 2}
    assert pid(pool) == before


async def test_a_worker_whose_start_is_cancelled_does_not_stay(monkeypatch):
    started = []
    create = asyncio.create_subprocess_exec

    async def remembered(*command, **options):
        started.append(await create(*command, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", remembered)
    pool = CodecPool()
    task = asyncio.ensure_future(pool.run([call(SUM, 1)]))
    async with asyncio.timeout(10):
        while not started:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert started[0].returncode is not None


async def test_closing_ends_the_worker_and_a_later_batch_starts_another(pool):
    await pool.run([call(SUM, 1)])
    before = pid(pool)
    await pool.close()
    assert ends(before)
    assert (await pool.run([call(SUM, 2)]))[0].data == {"sum": 2}


def test_codec_alone():
    codec = Codec(SUM.source)
    assert codec.decode(b"\x01\x02", 1, AT).data == {"sum": 3}
    assert codec.decode(b"", 1, AT, {"a": "b"}).data == {"sum": 0}


def test_times_without_an_offset_are_utc():
    codec = Codec("function decodeUplink(i) { return { data: { at: i.recvTime } }; }")
    for moment in (
        datetime(2026, 6, 1, 12),
        datetime(2026, 6, 1, 12, tzinfo=UTC),
        datetime(2026, 6, 1, 14, tzinfo=CEST),
    ):
        assert codec.decode(b"", 1, moment).data == {"at": "2026-06-01T12:00:00.000Z"}


def test_a_callers_mistake_is_not_the_codecs():
    codec = Codec("function decodeUplink() { return { data: { asked: 'for the first time' } }; }")
    with pytest.raises(TypeError):
        codec.decode("01", 1, AT)
    with pytest.raises(TypeError):
        codec.decode(b"", 1, AT, {"unit": object()})
    assert codec.decode(b"", 1, AT).data == {"asked": "for the first time"}


async def test_a_worker_that_could_not_start_has_nothing_loaded(pool, monkeypatch):
    runner = Runner()
    with monkeypatch.context() as broken:
        broken.setattr(process.importlib.util, "find_spec", lambda name: None)
        for _ in range(2):
            with pytest.raises(SandboxError):
                runner.run([call(SUM, 1)])
            with pytest.raises(SandboxError):
                await pool.run([call(SUM, 1)])
    assert runner.run([call(SUM, 1)])[0].data == {"sum": 1}
    assert (await pool.run([call(SUM, 1)]))[0].data == {"sum": 1}
    runner.close()


def test_codec_comes_back_after_its_worker_died():
    codec = Codec(KILLER.source)
    assert codec.decode(b"", 1, AT).failure is CodecFailure.KILLED
    assert Codec(SUM.source).decode(b"\x05", 1, AT).data == {"sum": 5}


@pytest.mark.parametrize("end", ["", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_workers_do_not_outlive_the_program(end):
    program = f"""
        import os
        from datetime import UTC, datetime
        from decoders.javascript import Codec
        from decoders.sandbox.runner import SHARED
        Codec({SUM.source!r}).decode(b"", 1, datetime.now(UTC))
        print(SHARED._worker._process.pid, flush=True)
        {end}
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, timeout=60, cwd=TESTS.parent
    )
    assert ends(int(done.stdout))


def test_a_forked_child_has_a_worker_of_its_own():
    codec = Codec(SUM.source)
    codec.decode(b"\x01", 1, AT)
    child = os.fork()
    if child == 0:
        os._exit(codec.decode(b"\x02\x03", 1, AT).data["sum"])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
    assert codec.decode(b"\x01", 1, AT).data == {"sum": 1}


def test_the_worker_sees_nothing_of_the_machine():
    runner = Runner()
    runner.run([call(SUM, 1)])
    folder = Path(f"/proc/{runner._worker._process.pid}")
    try:
        rows = (folder / "limits").read_text().splitlines()
        bounds = {row[:26].strip(): row[26:47].strip() for row in rows}
        assert bounds["Max open files"] == "0"
        assert bounds["Max file size"] == "4"
        assert bounds["Max core file size"] == "0"
        assert int(bounds["Max address space"]) <= 2 << 30
        if os.geteuid() == 0:
            assert "Uid:\t65534\t65534\t65534\t65534\n" in (folder / "status").read_text()
    finally:
        runner.close()


def test_limits_are_the_callers():
    runner = Runner(limits=Limits(cpu_ms=5, memory_bytes=4 << 20))
    ten_megabytes = CodecSource(
        "c", "function decodeUplink() { return { data: { n: new Uint8Array(10 << 20).length } }; }"
    )
    try:
        assert runner.run([call(ten_megabytes)])[0].failure is CodecFailure.MEMORY
        assert runner.run([call(ENDLESS)])[0].failure is CodecFailure.OVERRUN
    finally:
        runner.close()


CONTEXT = """
class JSException(Exception): ...

class Context:
    set_time_limit = set_memory_limit = set_max_stack_size = lambda self, n: None

    def eval(self, source):
        {}
"""
FAKES = {
    "ends at once": "raise SystemExit(1)",
    "does not stop": CONTEXT.format("while True: pass"),
    "stops nothing": CONTEXT.format("return True"),
}


@pytest.mark.parametrize("engine", FAKES.values(), ids=FAKES.keys())
def test_another_engine_is_found_out(engine, tmp_path, monkeypatch):
    says = "does not keep its limits"
    (tmp_path / "_quickjs.py").write_text(engine)
    monkeypatch.setattr(process, "_engine_folder", lambda: str(tmp_path))
    with pytest.raises(SandboxError, match=says):
        Runner().run([call(SUM, 1)])
    with pytest.raises(SandboxError, match=says):
        asyncio.run(CodecPool().run([call(SUM, 1)]))


def test_the_package_with_the_same_import_name_is_refused(monkeypatch):
    monkeypatch.setattr(process.metadata, "version", lambda name: "1.19.4")
    with pytest.raises(SandboxError, match="quickjs is installed"):
        Runner().run([call(SUM, 1)])


def test_the_engine_must_be_there(monkeypatch):
    monkeypatch.setattr(process.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SandboxError, match="quickjs-ng"):
        Runner().run([call(SUM, 1)])


def test_public_names():
    assert set(javascript.__all__) >= {"Codec", "CodecCall", "CodecFailure", "CodecPool", "CodecResult", "CodecSource"}
