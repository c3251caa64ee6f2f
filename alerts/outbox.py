"""The sender of messages: takes what is due from the outbox, hands it to its channel, and notes what became of it.

At least once: a message is claimed with a lease, sent, then marked. Whoever dies in between leaves it to be sent again
with the same key when the lease has ended. Each channel works for itself at its own pace, so that one that hangs holds
up no other, and none the engine or the ingest.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

from alerts.channels import Later, Refused, Sender
from alerts.channels.settings import ChannelSettings
from alerts.clock import SteadyClock
from alerts.digest import gather, next_digest
from alerts.outbox_metrics import OutboxMetrics, Result
from alerts.outbox_store import Claimed, Connect, OutboxStore
from alerts.pacing import Pace, pause
from storage.failures import Retryable
from storage.faults import fault_point

log = logging.getLogger(__name__)

POLL = timedelta(seconds=30)
"""Longest time without a look, should a wake-up be lost."""
COUNT_EVERY = 15.0
KEEP = timedelta(days=366)
"""Summaries and digests are kept as long as the cases that they name."""
FINISH_WITHIN = 1.0
"""Seconds that messages under way have at the end."""
_LEASE_MARGIN = timedelta(seconds=15)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0


@dataclass(slots=True)
class _Line:
    """One channel at work."""

    name: str
    settings: ChannelSettings
    sender: Sender
    pace: Pace
    busy: set[int] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def in_order(self) -> bool:
        """True where a later message must not overtake an earlier one."""
        return self.settings.kind == "mqtt"

    @property
    def workers(self) -> int:
        return 1 if self.in_order else self.settings.concurrency


class Outbox:
    """Sends the messages of all configured channels.

    Args:
        connect: opens a connection in the alerts' role.
        channels: settings and sender of each channel, by name.
        metrics: where results are counted.
        now: the time; replaced in tests. By default it never goes back, so that nothing waits when the host's does.
    """

    def __init__(
        self,
        connect: Connect,
        channels: Mapping[str, tuple[ChannelSettings, Sender]],
        metrics: OutboxMetrics,
        *,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._store = OutboxStore(connect)
        self._lines = [
            _Line(name, settings, sender, Pace(settings.per_minute)) for name, (settings, sender) in channels.items()
        ]
        self._metrics = metrics
        self._now = now or SteadyClock()
        self._stopping = asyncio.Event()
        for line in self._lines:
            metrics.add_channel(line.name)

    async def run(self) -> None:
        """Send until `stop`, or until cancelled; a database that is away, or refuses us, is waited for."""
        try:
            async with asyncio.TaskGroup() as tasks:
                workers = [tasks.create_task(self._work(line)) for line in self._lines for _ in range(line.workers)]
                others = [tasks.create_task(one) for one in self._beside()]
                await self._stopping.wait()
                self._wake()
                if workers:
                    _, late = await asyncio.wait(workers, timeout=FINISH_WITHIN)
                    for worker in late:
                        worker.cancel()
                for task in others:
                    task.cancel()
        finally:
            await self._close()

    def _beside(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the workers and is cancelled at the end."""
        return [self._count(), *([self._listen(), self._digests()] if self._lines else [])]

    def stop(self) -> None:
        """Take no further messages; `run` returns when those under way are settled, within `FINISH_WITHIN`."""
        self._stopping.set()

    async def _work(self, line: _Line) -> None:
        """Send one message after the other."""
        trouble = 0
        while not self._stopping.is_set():
            try:
                if (seconds := line.pace.wait()) > 0:
                    await self._until_stopped(asyncio.sleep(seconds))
                    continue
                line.woken.clear()  # before the look, so that what is written after it wakes us
                if not await self._send_next(line):
                    await self._rest(line)
                trouble = 0
            except Retryable as error:
                log.warning("outbox_waits channel=%s reason=%r", line.name, str(error))
                trouble += 1
                await self._until_stopped(asyncio.sleep(_trouble_pause(trouble)))

    async def _send_next(self, line: _Line) -> bool:
        now, timeout = self._now(), line.settings.timeout
        lease = now + 2 * timeout + _LEASE_MARGIN
        claimed = await self._store.claim(line.name, now, lease=lease, busy=line.busy, in_order=line.in_order)
        if claimed is None:
            return False
        line.busy.add(claimed.id)
        try:
            line.pace.spend()
            await self._attempt(line, claimed)
        finally:
            line.busy.discard(claimed.id)
        return True

    async def _attempt(self, line: _Line, claimed: Claimed) -> None:
        started = monotonic()
        try:
            async with asyncio.timeout(line.settings.timeout.total_seconds()):
                await line.sender.send(claimed.message)
        except TimeoutError:
            await self._failed(line, claimed, Later("no answer in time"), started)
        except Later as error:
            await self._failed(line, claimed, error, started)
        except Refused as error:
            await self._given_up(line, claimed, str(error), started)
        except (LookupError, TypeError, ValueError) as error:  # a defect of ours must not stop the other messages
            log.exception("notification_defect channel=%s kind=%s", line.name, claimed.message.kind)
            await self._given_up(line, claimed, f"defect: {type(error).__name__}", started)
        else:
            fault_point("after_send")
            await self._settle(lambda: self._store.sent(claimed, self._now()))
            self._metrics.attempted(line.name, Result.SENT, monotonic() - started)
            log.info(
                "notification_sent channel=%s kind=%s attempt=%d", line.name, claimed.message.kind, claimed.attempts
            )

    async def _failed(self, line: _Line, claimed: Claimed, error: Later, started: float) -> None:
        retry, now = line.settings.retry, self._now()
        wait = pause(claimed.attempts, first=retry.first, longest=retry.longest)
        if error.after is not None:
            asked = timedelta(seconds=min(error.after, retry.give_up_after.total_seconds()))
            line.pace.rest(asked.total_seconds())
            wait = max(wait, asked)
        if now - claimed.due_at >= retry.give_up_after:
            await self._given_up(line, claimed, str(error), started)
            return
        at_last = max(now, min(now + wait, claimed.due_at + retry.give_up_after))
        await self._settle(lambda: self._store.later(claimed, at_last, str(error), error.delivered))
        self._metrics.attempted(line.name, Result.RETRIED, monotonic() - started)
        seconds = (at_last - now).total_seconds()
        details = (line.name, claimed.message.kind, claimed.attempts, seconds, str(error))
        log.warning("notification_failed channel=%s kind=%s attempt=%d next_seconds=%.0f reason=%r", *details)

    async def _given_up(self, line: _Line, claimed: Claimed, reason: str, started: float) -> None:
        await self._settle(lambda: self._store.dead(claimed, reason))
        self._metrics.attempted(line.name, Result.DEAD, monotonic() - started)
        details = (line.name, claimed.message.kind, claimed.attempts, reason)
        log.error("notification_dead channel=%s kind=%s attempt=%d reason=%r", *details)

    async def _settle(self, mark: Callable[[], Awaitable[None]]) -> None:
        """Note the result however long the database is away: a message that is not marked is sent again."""
        trouble = 0
        while True:
            try:
                await mark()
                return
            except Retryable:
                trouble += 1
                await asyncio.sleep(_trouble_pause(trouble))

    async def _rest(self, line: _Line) -> None:
        """Until the next message is due, somebody writes one, or `POLL` has passed."""
        now = self._now()
        next_at = await self._store.next_at(line.name, now)
        wait = POLL if next_at is None else min(POLL, next_at - now)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.01, wait.total_seconds())):
                await line.woken.wait()

    def _wake(self) -> None:
        for line in self._lines:
            line.woken.set()

    async def _listen(self) -> None:
        trouble = 0
        while True:
            try:
                async for _ in self._store.written():
                    trouble = 0
                    self._wake()
            except Retryable as error:
                log.warning("outbox_waits reason=%r", str(error))
            trouble += 1
            await asyncio.sleep(_trouble_pause(trouble))

    async def _digests(self) -> None:
        """Tell at the begin of a shift what happened since the last one."""
        names = [line.name for line in self._lines]
        while True:
            wait = POLL
            try:
                for name in names:
                    if await self._store.run(partial(gather, channel=name, now=self._now())):
                        log.info("digest_written channel=%s", name)
                due = await self._store.run(partial(next_digest, channels=names))
                wait = POLL if due is None else min(POLL, max(timedelta(seconds=0.05), due - self._now()))
            except Retryable as error:
                log.warning("outbox_waits reason=%r", str(error))
            await asyncio.sleep(wait.total_seconds())

    async def _count(self) -> None:
        names = [line.name for line in self._lines]
        oldest = max((line.settings.retry.give_up_after for line in self._lines), default=timedelta(days=1))
        while True:
            with suppress(Retryable):
                self._metrics.waiting(names, await self._store.waiting(names), self._now())
                await self._store.forget_old(self._now() - KEEP)
                buried = await self._store.bury(names, self._now() - oldest)
                if buried:
                    log.error("notifications_dead count=%d reason='the channel is not configured'", buried)
            await asyncio.sleep(COUNT_EVERY)

    async def _until_stopped(self, waiting: Coroutine[Any, Any, None]) -> None:
        """Await `waiting`, but not beyond `stop`."""
        async with asyncio.TaskGroup() as tasks:
            wanted, stopped = tasks.create_task(waiting), tasks.create_task(self._stopping.wait())
            await asyncio.wait((wanted, stopped), return_when=asyncio.FIRST_COMPLETED)
            wanted.cancel()
            stopped.cancel()

    async def _close(self) -> None:
        for line in self._lines:
            await line.sender.close()
        await self._store.close()


def _trouble_pause(times: int) -> float:
    return min(_FIRST_PAUSE * 2.0 ** min(times - 1, 16), _LONGEST_PAUSE)
