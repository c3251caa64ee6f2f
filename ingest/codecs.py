"""Vendors' codecs beside the pipeline: their uplinks go to a worker process in bounded requests, while the others of
the batch are parsed and decoded here. A batch waits for all of its uplinks, and so for a codec that hangs: a second
until its worker is killed, at most a few times until the codec is quarantined.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

from decoders.errors import defect_at
from decoders.javascript import CodecFailure, CodecPool, CodecResult, SandboxError
from decoders.vendor_codec import unavailable
from ingest.delivery import Delivery
from ingest.metrics import Metrics, Stage
from ingest.preparation import Preparation, Waiting, complete
from storage.batch import Record

log = logging.getLogger(__name__)

SLICE = 20
"""Messages that are parsed before the event loop has its turn. The socket to the database holds some 200 kB, and while
we parse nobody refills it: with slices of 100 the drain benchmark loses a third of its rate."""

MAX_CALLS = 100
"""Calls in one request to the worker, when others are on their way; an idle worker gets what there is."""


class CodecLane:
    """Runs codecs for whoever prepares records.

    Args:
        pool: makes the worker processes; called when the first codec is needed.
    """

    def __init__(self, metrics: Metrics, pool: Callable[[], CodecPool] = CodecPool) -> None:
        self._metrics = metrics
        self._make = pool
        self._pool: CodecPool | None = None
        self._given_up = asyncio.Event()
        self._requests = 0
        self._quarantined: set[str] = set()

    @property
    def idle(self) -> bool:
        """No request is on its way."""
        return not self._requests

    def send(self, waiting: Sequence[Waiting], tasks: asyncio.TaskGroup) -> asyncio.Task[None]:
        """Complete the records of `waiting` as a task of `tasks`."""
        self._requests += 1
        return tasks.create_task(self._complete(waiting))

    def give_up(self) -> None:
        """The end is near: records that wait for a codec stay as they are, and must not be written."""
        self._given_up.set()

    async def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            await self._pool.close()

    async def _complete(self, waiting: Sequence[Waiting]) -> None:
        try:
            started = perf_counter()
            results = await self._run(waiting)
            self._count(waiting, results, perf_counter() - started)
            for position, (one, result) in enumerate(zip(waiting, results, strict=False)):
                complete(one, result)
                if position % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
        finally:
            self._requests -= 1

    async def _run(self, waiting: Sequence[Waiting]) -> Sequence[CodecResult]:
        """The answers; none when they are given up."""
        if self._pool is None:
            self._pool = self._make()
        run = asyncio.ensure_future(self._ask(self._pool, waiting))
        given_up = asyncio.ensure_future(self._given_up.wait())
        try:
            await asyncio.wait({run, given_up}, return_when=asyncio.FIRST_COMPLETED)
            return run.result() if run.done() else ()
        finally:
            given_up.cancel()
            run.cancel()

    async def _ask(self, pool: CodecPool, waiting: Sequence[Waiting]) -> Sequence[CodecResult]:
        """The answers; where the sandbox does not work, the uplinks are kept raw, and the others live on."""
        results: Sequence[CodecResult] = ()
        try:
            results = await pool.run([one.codec.call(one.uplink) for one in waiting])
        except* (SandboxError, OSError) as errors:
            error = errors.exceptions[0]
            log.error("codecs_unavailable uplinks=%d error=%r", len(waiting), str(error))
            results = [unavailable(str(error))] * len(waiting)
        except* Exception as errors:  # noqa: BLE001  (a defect of ours ends neither the batch nor the service)
            defect = defect_at(errors.exceptions[0])
            log.error("internal_error stage=%s uplinks=%d defect=%r", Stage.CODECS, len(waiting), defect)
            self._metrics.internal_errors(Stage.CODECS)
            results = [unavailable(defect)] * len(waiting)
        return results

    def _count(self, waiting: Sequence[Waiting], results: Sequence[CodecResult], seconds: float) -> None:
        outcomes = Counter((one.decoder.name, _outcome(result)) for one, result in zip(waiting, results, strict=False))
        for (codec, outcome), count in outcomes.items():
            self._metrics.codec_called(codec, outcome, count)
            self._note_quarantine(codec, quarantined=outcome == CodecFailure.QUARANTINED)
        if results:
            self._metrics.codec_seconds.observe(seconds / len(results), len(results))

    def _note_quarantine(self, codec: str, *, quarantined: bool) -> None:
        if quarantined is (codec in self._quarantined):
            return
        if quarantined:
            self._quarantined.add(codec)
            log.warning("codec_quarantined codec=%s", codec)
        else:
            self._quarantined.discard(codec)
            log.info("codec_tried_again codec=%s", codec)
        self._metrics.codec_quarantined(codec, quarantined=quarantined)


class Parsed(NamedTuple):
    """A batch that is parsed.

    Attributes:
        records: in the order of the deliveries.
        requests: the codecs' answers that some of the records still wait for.
        seconds: what parsing and native decoding took.
    """

    records: list[Record]
    requests: list[asyncio.Task[None]]
    seconds: float

    async def completed(self) -> list[Record]:
        """The records, when all of them are complete, or given up with the lane."""
        for request in self.requests:
            await request
        return self.records


async def parse_all(
    preparation: Preparation, lane: CodecLane, deliveries: Sequence[Delivery], tasks: asyncio.TaskGroup
) -> Parsed:
    """Parse and decode, giving way to others between slices; codecs answer in `tasks`."""
    seconds = 0.0
    records: list[Record] = []
    waiting: list[Waiting] = []
    requests: list[asyncio.Task[None]] = []
    for start in range(0, len(deliveries), SLICE):
        started = perf_counter()
        records += [preparation.prepare(delivery, waiting) for delivery in deliveries[start : start + SLICE]]
        seconds += perf_counter() - started
        last = start + SLICE >= len(deliveries)
        if waiting and (last or lane.idle or len(waiting) >= MAX_CALLS):
            requests.append(lane.send(waiting, tasks))
            waiting = []
        await asyncio.sleep(0)
    return Parsed(records, requests, seconds)


async def prepare_all(preparation: Preparation, lane: CodecLane, deliveries: Sequence[Delivery]) -> list[Record]:
    """The complete records of `deliveries`, in their order."""
    async with asyncio.TaskGroup() as tasks:
        parsed = await parse_all(preparation, lane, deliveries, tasks)
        return await parsed.completed()


def _outcome(result: CodecResult) -> str:
    if result.failure is not None:
        return result.failure.value
    return "error" if result.errors else "ok"
