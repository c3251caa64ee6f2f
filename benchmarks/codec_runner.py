"""How many payloads a second the codec runner decodes on one core: `python -m benchmarks.codec_runner`.

The caller and its worker process share one core, as the whole runner would on a small machine; calls are made in
batches as the pipeline makes them.
"""

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from time import perf_counter, process_time

from benchmarks.codecs import SOURCE
from decoders.javascript import CodecCall, CodecPool, CodecSource

RUNS = 5
BATCH = 256
PAYLOAD = bytes.fromhex("0ce4ffec0fa009c402bc10")


@dataclass(frozen=True, slots=True)
class Decoding:
    """One run: payloads a second, and CPU per payload in microseconds of the caller and of the worker."""

    rate: float
    caller_us: float
    worker_us: float


def decoding(calls: int) -> Decoding:
    """The median of several runs on one core."""
    with one_core():
        runs = [asyncio.run(_measure(calls)) for _ in range(RUNS)]
    return Decoding(
        median(run.rate for run in runs), median(run.caller_us for run in runs), median(run.worker_us for run in runs)
    )


async def _measure(calls: int) -> Decoding:
    codec = CodecSource("vendor_soil", SOURCE)
    batch = [CodecCall(codec, PAYLOAD, 2, datetime(2026, 7, 14, tzinfo=UTC)) for _ in range(BATCH)]
    pool = CodecPool()
    await pool.run(batch)
    started, caller = perf_counter(), process_time()
    for _ in range(0, calls, BATCH):
        results = await pool.run(batch)
        assert all(result.data for result in results)
    seconds, caller_seconds = perf_counter() - started, process_time() - caller
    await pool.close()
    done = -(-calls // BATCH) * BATCH
    return Decoding(done / seconds, caller_seconds / done * 1e6, _worker_seconds() / (done + BATCH) * 1e6)


_seen = 0.0


def _worker_seconds() -> float:
    """CPU of the worker that has just ended, its start included."""
    global _seen
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = usage.ru_utime + usage.ru_stime
    spent, _seen = total - _seen, total
    return spent


@contextmanager
def one_core() -> Iterator[None]:
    """This process and those that it starts run on one core; where that cannot be asked for, they do not."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


if __name__ == "__main__":
    measured = decoding(20_000)
    print(f"{measured.rate:,.0f} decodes/s; CPU µs: caller {measured.caller_us:.1f}, worker {measured.worker_us:.1f}")
