"""The way of one uplink: delivery → parse → decode → write in one transaction → ack.

A batch is everything that has arrived. Later batches are parsed while one commits. The ack is given after the commit,
or after the spool has the messages on disk; when neither is possible, nothing is acked and nothing more is read.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from time import perf_counter
from typing import TypeVar

from ingest.assembly import Assembler
from ingest.codecs import CodecLane, Parsed, parse_all
from ingest.delivery import Delivery, Inflow
from ingest.metrics import Metrics, Stage
from ingest.outage import Outage
from ingest.preparation import Preparation
from ingest.shadow import Shadow
from storage.batch import Record, WriteResult
from storage.failures import Retryable
from storage.fragments import find_waiting
from storage.spool import SpooledMessage
from storage.writer import Writer

log = logging.getLogger(__name__)

READY_BATCHES = 1
"""Parsed batches that may wait for the writer. So nobody idles while the database forces a commit to disk."""

LOOK_BACK_AT_START, LOOK_BACK = timedelta(days=14), timedelta(days=1)
LOOK_EVERY = 300.0
"""How far back, and how often in seconds, sets of fragments are looked for that a crash or a failure left apart."""

_ENDING = "given up: the program ends"

T = TypeVar("T")
Ready = tuple[Sequence[Delivery], Parsed]
Ack = Callable[[Sequence[Delivery]], None]


class Pipeline:
    """Takes deliveries from subscriptions, webhooks, replay files and the spool, and stores them.

    Args:
        preparation: parses and decodes; `reload` swaps it.
        writer: the only one that writes batches.
        outage: decides what happens while the database is away, and owns the spool.
        codecs: runs vendors' codecs; `close` ends it.
        shadow: is offered every batch for comparison.
    """

    def __init__(
        self,
        preparation: Preparation,
        writer: Writer,
        outage: Outage,
        metrics: Metrics,
        *,
        codecs: CodecLane | None = None,
        shadow: Shadow | None = None,
    ) -> None:
        self._preparation = preparation
        self._writer = writer
        self._outage = outage
        self._metrics = metrics
        self._codecs = CodecLane(metrics) if codecs is None else codecs
        self._shadow = shadow
        self._turn = asyncio.Lock()
        self._hurry = asyncio.Event()
        self._unstored: dict[int, datetime] = {}
        self._assembler = Assembler()
        self.totals = WriteResult()

    @property
    def oldest_unstored(self) -> datetime | None:
        """Receive time of the oldest live message that is neither stored nor spooled yet."""
        return min(self._unstored.values(), default=None)

    def hurry(self) -> None:
        """The end is near: give a write in progress up and spool its batch."""
        self._hurry.set()
        self._codecs.give_up()
        self._writer.abandon()

    def reload(self, preparation: Preparation) -> None:
        """Use other decoders and mapping from the next batch on."""
        self._preparation = preparation

    async def close(self) -> None:
        """End what runs codecs."""
        await self._codecs.close()

    async def consume(self, inflow: Inflow, *, live: bool = True) -> None:
        """The line for one source, until it ends: one batch is parsed while one is ready and one commits."""
        ready: asyncio.Queue[Ready | None] = asyncio.Queue(READY_BATCHES)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._store_in_order(ready, inflow.ack, live=live))
            async for deliveries in inflow.batches():
                self._metrics.received(inflow.source, len(deliveries))
                self._unstored[id(deliveries)] = deliveries[0].received_at
                await ready.put((deliveries, await self._parse(deliveries, tasks)))
            await ready.put(None)

    async def submit(self, deliveries: Sequence[Delivery], *, live: bool = False) -> WriteResult | None:
        """Store deliveries that need no ack; None when they went to the spool.

        Raises:
            SpoolUnavailable: neither database nor spool takes them now.
        """
        self._metrics.received(deliveries[0].source, len(deliveries))
        return await self._store(deliveries, await self.prepare(deliveries), live=live)

    async def prepare(self, deliveries: Sequence[Delivery]) -> list[Record]:
        """Parse and decode, giving way to others between slices."""
        async with asyncio.TaskGroup() as tasks:
            return await self._completed(await self._parse(deliveries, tasks))

    async def _parse(self, deliveries: Sequence[Delivery], tasks: asyncio.TaskGroup) -> Parsed:
        """All but the answers of vendors' codecs, which come in `tasks` while the next batch is parsed."""
        parsed = await parse_all(self._preparation, self._codecs, deliveries, tasks)
        self._metrics.decoded(len(parsed.records), parsed.seconds)
        return parsed

    async def _completed(self, parsed: Parsed) -> list[Record]:
        records = await parsed.completed()
        if self._shadow is not None:
            with self._metrics.contained(Stage.ACCOUNTS):
                self._shadow.offer(self._preparation.shadows, records)
        return records

    async def drain(self) -> None:
        """Bring spooled messages into the database whenever it is there, until cancelled."""
        while True:
            messages = await self._outage.spooled()
            records = await self.prepare([_delivery(message) for message in messages])
            await self._write_when_possible(records)
            await self._outage.drained(messages)
            self._metrics.drained(len(messages))

    async def heal(self) -> None:
        """Make whole what a crash or a failure left in parts: at start far back, then now and again."""
        back = LOOK_BACK_AT_START
        while True:
            try:
                if await self._look_for_waiting(datetime.now(UTC) - back):
                    back = LOOK_BACK
            except Retryable as error:
                log.warning("waiting_fragments_not_looked_for error=%s", error)
            await asyncio.sleep(LOOK_EVERY)

    async def _look_for_waiting(self, since: datetime) -> bool:
        """Look at every device with fragments after `since`; False when what was found could not be stored."""
        device, done = "", True
        while True:
            async with self._turn:
                waiting = partial(find_waiting, since=since, after=device)
                spans = await self._unless_hurried(self._writer.read(waiting))
                self._assembler.look_at(spans)
                done &= await self._assemble()
            if not spans:
                return done
            device = list(spans)[-1]

    async def settle(self) -> None:
        """Make whole what is due, however long the database is away."""
        while True:
            async with self._turn:
                if await self._assemble():
                    return
            await self._outage.wait_for_database()

    async def _write_when_possible(self, records: Sequence[Record]) -> None:
        while True:
            try:
                async with self._turn:
                    await self._write(records, live=False)
                return
            except Retryable:
                self._metrics.commit_failed()
                await self._outage.wait_for_database()

    async def _store_in_order(self, ready: "asyncio.Queue[Ready | None]", ack: Ack, *, live: bool) -> None:
        while (prepared := await ready.get()) is not None:
            deliveries, records = prepared[0], await self._completed(prepared[1])
            await self._outage.insist(partial(self._store, deliveries, records, live=live))
            del self._unstored[id(deliveries)]
            ack(deliveries)

    async def _store(
        self, deliveries: Sequence[Delivery], records: Sequence[Record], *, live: bool
    ) -> WriteResult | None:
        """Write, or spool when the outage says so."""
        while not self._outage.spooling and not self._hurry.is_set():
            try:
                async with self._turn:
                    return await self._write(records, live=live)
            except Retryable as error:
                self._metrics.commit_failed()
                await self._outage.after_failure(error)
        await self._outage.spool(list(map(_spooled, deliveries, records)))
        self._metrics.spooled(deliveries[0].source, len(deliveries))
        return None

    async def _write(self, records: Sequence[Record], *, live: bool) -> WriteResult:
        if self._hurry.is_set():  # records that wait for a codec are not complete
            raise Retryable(_ENDING)
        started = perf_counter()
        result = await self._unless_hurried(self._writer.write(records))
        self._outage.over()
        self.totals.add(result)
        with self._metrics.contained(Stage.ACCOUNTS):
            self._metrics.committed(
                records[0].source,
                records,
                result,
                seconds=perf_counter() - started,
                live_at=datetime.now(UTC) if live else None,
            )
        with self._metrics.contained(Stage.ASSEMBLY):
            self._assembler.note(records)
        await self._assemble()
        return result

    async def _assemble(self) -> bool:
        """Make whole what is complete now; what cannot be done is due with the next batch. The batch is safe anyway."""
        if not self._assembler.due:
            return True
        try:
            with self._metrics.contained(Stage.ASSEMBLY):
                records, result = await self._unless_hurried(
                    self._assembler.run(self._writer, self._preparation.mapping)
                )
                self._metrics.assembled(records, result)
                for kind, count in result.readings.items():
                    self.totals.readings[kind] = self.totals.readings.get(kind, 0) + count
                return True
        except Retryable as error:
            log.warning("assembly_postponed error=%s", error)
        return False

    async def _unless_hurried(self, write: Coroutine[None, None, T]) -> T:
        """The write's result; Retryable when `hurry` comes first, with the write given up."""
        task = asyncio.ensure_future(write)
        hurried = asyncio.ensure_future(self._hurry.wait())
        try:
            await asyncio.wait({task, hurried}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hurried.cancel()
            given_up = not task.done()
            if given_up:
                task.cancel()
                await asyncio.wait({task})  # its transaction must have ended before another's turn comes
        if given_up:
            raise Retryable(_ENDING)
        return task.result()


def _spooled(delivery: Delivery, record: Record) -> SpooledMessage:
    return SpooledMessage(
        0, delivery.source, delivery.topic, record.message, delivery.received_at, delivery.qos, delivery.retain
    )


def _delivery(message: SpooledMessage) -> Delivery:
    return Delivery(*message[1:])
