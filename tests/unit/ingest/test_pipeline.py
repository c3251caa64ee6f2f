"""The pipeline with a database and a broker of paper: when it acks, when it spools, when it stops."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from decoders.errors import Rejected, RejectReason
from decoders.events import Event, Ignored
from decoders.mapping import DeviceMapping
from decoders.registry import Registry
from decoders.settings import MappingSettings
from ingest.codecs import SLICE
from ingest.delivery import Delivery
from ingest.metrics import Metrics
from ingest.outage import Outage
from ingest.pipeline import READY_BATCHES, Pipeline
from ingest.preparation import Preparation
from storage.batch import Record, WriteResult
from storage.failures import Fatal, Retryable
from storage.spool import Spool, SpooledMessage, SpoolSettings, SpoolUnavailable

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
DEADLINE = 5.0


def delivery(number: int, *, payload: bytes = b"good") -> Delivery:
    return Delivery("city", f"topic/{number}", payload, AT, qos=1, epoch=1, packet_id=number)


def parse(one: Delivery) -> Event:
    if one.payload == b"bad":
        raise Rejected(RejectReason.MALFORMED, "not good")
    return Ignored(one.source, one.topic, "paper")


class PaperWriter:
    """Stores topics; does what `plan` says at each write, then succeeds."""

    def __init__(self, *plan: BaseException | asyncio.Event) -> None:
        self.plan = list(plan)
        self.stored: list[str] = []
        self.batches: list[int] = []
        self.abandoned = False

    async def write(self, records: Sequence[Record], *, redecode: bool = False) -> WriteResult:
        if self.plan:
            step = self.plan.pop(0)
            if isinstance(step, asyncio.Event):
                await step.wait()
            else:
                raise step
        self.stored += [record.topic for record in records]
        self.batches.append(len(records))
        return WriteResult(uplinks=len(records), attempts=1)

    def abandon(self) -> None:
        self.abandoned = True


class PaperSubscription:
    """Hands out batches and remembers acks."""

    source = "city"

    def __init__(self, *batches: list[Delivery]) -> None:
        self.queue: asyncio.Queue[list[Delivery] | None] = asyncio.Queue()
        self.acked: list[int] = []
        self.taken = 0
        for batch in batches:
            self.queue.put_nowait(batch)

    async def batches(self) -> AsyncIterator[list[Delivery]]:
        while (batch := await self.queue.get()) is not None:
            self.taken += 1
            yield batch

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self.acked += [one.packet_id for one in deliveries]

    def end(self) -> None:
        self.queue.put_nowait(None)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(SpoolSettings(path=tmp_path / "spool.sqlite"))


@pytest.fixture(scope="module")
def mapping() -> DeviceMapping:
    return DeviceMapping(MappingSettings(), Registry.load())


def pipeline(
    writer: PaperWriter,
    spool: Spool | None,
    mapping: DeviceMapping,
    *,
    patience: float = 0.0,
    outage: Outage | None = None,
) -> Pipeline:
    return Pipeline(
        Preparation({"city": parse}, mapping),
        writer,  # type: ignore[arg-type]
        outage or Outage(spool, patience=patience),
        Metrics(CollectorRegistry()),
    )


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come after some hundredths of their time."""
    monkeypatch.setattr("ingest.outage.FIRST_PAUSE", 0.01)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


async def test_acks_follow_the_commit_in_order(spool: Spool, mapping: DeviceMapping) -> None:
    gate = asyncio.Event()
    writer = PaperWriter(gate)
    subscription = PaperSubscription([delivery(1), delivery(2)], [delivery(3)])
    subscription.end()
    line = asyncio.ensure_future(pipeline(writer, spool, mapping).consume(subscription))
    await until(lambda: subscription.taken == 2)
    assert subscription.acked == [], "nothing may be acked before its commit"
    gate.set()
    await asyncio.wait_for(line, DEADLINE)
    assert subscription.acked == [1, 2, 3]
    assert writer.stored == ["topic/1", "topic/2", "topic/3"]


async def test_batches_are_parsed_while_one_commits_but_only_a_few(spool: Spool, mapping: DeviceMapping) -> None:
    gate = asyncio.Event()
    subscription = PaperSubscription(*([delivery(number)] for number in range(1, 7)))
    line = asyncio.ensure_future(pipeline(PaperWriter(gate), spool, mapping).consume(subscription))
    bound = READY_BATCHES + 2  # one commits, one has just been parsed
    await until(lambda: subscription.taken == bound)
    for _ in range(20):
        await asyncio.sleep(0)
    assert subscription.taken == bound
    gate.set()
    await until(lambda: subscription.acked == [1, 2, 3, 4, 5, 6])
    line.cancel()


async def test_a_bad_message_is_a_record_with_its_reason_and_is_acked(spool: Spool, mapping: DeviceMapping) -> None:
    made = pipeline(PaperWriter(), spool, mapping)
    records = await made.prepare([delivery(1), delivery(2, payload=b"bad"), delivery(3)])
    assert [record.reason for record in records] == [None, RejectReason.MALFORMED, None]
    assert records[1].message == b"bad"


async def test_parsing_gives_way_to_others(spool: Spool, mapping: DeviceMapping) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    await pipeline(PaperWriter(), spool, mapping).prepare([delivery(n) for n in range(5 * SLICE)])
    task.cancel()
    assert turns >= 5


async def test_a_lost_connection_spools_and_acks_and_drains_when_the_database_is_back(
    spool: Spool, mapping: DeviceMapping
) -> None:
    writer = PaperWriter(Retryable("gone"), Retryable("gone"))
    made = pipeline(writer, spool, mapping)
    subscription = PaperSubscription([delivery(1), delivery(2)])
    tasks = [asyncio.ensure_future(made.consume(subscription)), asyncio.ensure_future(made.drain())]
    await until(lambda: subscription.acked == [1, 2])
    await until(lambda: spool.depth == 0 and sorted(writer.stored) == ["topic/1", "topic/2"])
    subscription.queue.put_nowait([delivery(3)])
    await until(lambda: subscription.acked == [1, 2, 3])
    assert writer.stored[-1] == "topic/3", "after the outage batches go to the database again"
    for task in tasks:
        task.cancel()


async def test_an_answered_refusal_is_retried_before_anything_is_spooled(spool: Spool, mapping: DeviceMapping) -> None:
    writer = PaperWriter(Retryable("lock", answered=True))
    subscription = PaperSubscription([delivery(1)])
    subscription.end()
    await asyncio.wait_for(pipeline(writer, spool, mapping, patience=60).consume(subscription), DEADLINE)
    assert (subscription.acked, writer.stored, spool.depth) == ([1], ["topic/1"], 0)


async def test_without_database_and_spool_nothing_is_acked_or_read_and_nothing_is_lost(mapping: DeviceMapping) -> None:
    class Broken:
        depth, bytes, oldest = 0, 0, None
        failing = True

        def append(self, messages: Sequence[object]) -> None:
            raise SpoolUnavailable("disk full")

    writer = PaperWriter(*[Retryable("gone")] * 2)
    made = pipeline(writer, Broken(), mapping)  # type: ignore[arg-type]
    subscription = PaperSubscription(*([delivery(number)] for number in range(1, 7)))
    line = asyncio.ensure_future(made.consume(subscription))
    await until(lambda: not writer.plan)
    assert subscription.acked == []
    assert subscription.taken <= READY_BATCHES + 2
    await until(lambda: subscription.acked == [1, 2, 3, 4, 5, 6])
    line.cancel()


async def test_a_full_spool_is_reported_until_the_database_takes_the_batch(mapping: DeviceMapping) -> None:
    spool = StubbornSpool(appends=1)
    outage = Outage(spool, patience=0.0)  # type: ignore[arg-type]
    gate = asyncio.Event()
    made = pipeline(PaperWriter(Retryable("gone"), gate), None, mapping, outage=outage)
    subscription = PaperSubscription([delivery(1)])
    line = asyncio.ensure_future(made.consume(subscription))
    await until(lambda: outage.spool_error == "disk full")
    gate.set()
    await until(lambda: subscription.acked == [1])
    assert outage.spool_error == ""
    line.cancel()


async def test_a_spool_that_cannot_forget_is_asked_again(mapping: DeviceMapping) -> None:
    """What it could not delete is stored already; the line lives on and the rest is drained when it can."""
    spool = StubbornSpool(removals=2)
    spool.append([SpooledMessage(1, "city", "topic/1", b"good", AT, 1, False)])
    writer = PaperWriter()
    outage = Outage(spool)  # type: ignore[arg-type]
    line = asyncio.ensure_future(pipeline(writer, None, mapping, outage=outage).drain())
    await until(lambda: outage.spool_error == "disk full")
    await until(lambda: spool.depth == 0)
    await until(lambda: outage.spool_error == "")
    assert writer.stored == ["topic/1"]
    line.cancel()


class StubbornSpool:
    """A spool of paper that refuses so many appends and removals before it works."""

    def __init__(self, *, appends: int = 0, removals: int = 0) -> None:
        self.messages: list[SpooledMessage] = []
        self._refuse = {"append": appends, "remove": removals}

    @property
    def depth(self) -> int:
        return len(self.messages)

    def append(self, messages: Sequence[SpooledMessage]) -> None:
        self._maybe("append")
        self.messages += messages

    def head(self, limit: int) -> list[SpooledMessage]:
        return self.messages[:limit]

    def remove(self, messages: Sequence[SpooledMessage]) -> None:
        self._maybe("remove")
        self.messages = [one for one in self.messages if one not in messages]

    def _maybe(self, what: str) -> None:
        self._refuse[what] -= 1
        if self._refuse[what] >= 0:
            raise SpoolUnavailable("disk full")


async def test_a_fatal_error_ends_the_line_without_an_ack(spool: Spool, mapping: DeviceMapping) -> None:
    subscription = PaperSubscription([delivery(1)])
    subscription.end()
    with pytest.raises(ExceptionGroup) as caught:
        await pipeline(PaperWriter(Fatal("no such table")), spool, mapping).consume(subscription)
    assert caught.group_contains(Fatal)
    assert subscription.acked == []


async def test_in_a_hurry_a_hanging_write_is_given_up_for_the_spool(spool: Spool, mapping: DeviceMapping) -> None:
    writer = PaperWriter(asyncio.Event())
    made = pipeline(writer, spool, mapping)
    subscription = PaperSubscription([delivery(1)])
    subscription.end()
    line = asyncio.ensure_future(made.consume(subscription))
    await until(lambda: not writer.plan)
    assert made.oldest_unstored == AT
    made.hurry()
    await asyncio.wait_for(line, DEADLINE)
    assert writer.abandoned
    assert subscription.acked == [1]
    assert [message.topic for message in spool.head(9)] == ["topic/1"]
    assert made.oldest_unstored is None


async def test_a_write_that_is_given_up_ends_before_the_next_begins(mapping: DeviceMapping) -> None:
    """Else the next batch would join a transaction that is about to be rolled back, and be acknowledged."""
    writer = SlowToEnd()
    made = pipeline(writer, None, mapping)  # type: ignore[arg-type]
    impatient = asyncio.ensure_future(made.submit([delivery(1)]))
    await until(lambda: writer.running == 1)
    impatient.cancel()
    second = asyncio.ensure_future(made.submit([delivery(2)]))
    for _ in range(20):
        await asyncio.sleep(0)
    begun = writer.begun
    writer.may_end.set()
    await until(lambda: writer.begun == 2)
    second.cancel()
    await asyncio.wait({impatient, second})
    assert (begun, writer.most) == (1, 1)
    assert impatient.cancelled()


class SlowToEnd:
    """A writer whose writes take their time to end when they are cancelled."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.begun = self.running = self.most = 0

    async def write(self, records: Sequence[Record], *, redecode: bool = False) -> WriteResult:
        self.begun += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.Event().wait()
        finally:
            await self.may_end.wait()
            self.running -= 1
        return WriteResult()


async def test_a_webhook_learns_that_its_message_is_spooled_or_not(spool: Spool, mapping: DeviceMapping) -> None:
    assert await pipeline(PaperWriter(Retryable("gone")), spool, mapping).submit([delivery(1)]) is None
    assert spool.depth == 1
    with pytest.raises(SpoolUnavailable):
        await pipeline(PaperWriter(Retryable("gone")), None, mapping).submit([delivery(2)])


async def test_other_decoders_are_used_from_the_next_batch_on(spool: Spool, mapping: DeviceMapping) -> None:
    made = pipeline(PaperWriter(), spool, mapping)

    def refuse(one: Delivery) -> Event:
        raise Rejected(RejectReason.UNKNOWN_TOPIC, "new rule")

    made.reload(Preparation({"city": refuse}, mapping))
    [record] = await made.prepare([delivery(1)])
    assert record.reason is RejectReason.UNKNOWN_TOPIC
