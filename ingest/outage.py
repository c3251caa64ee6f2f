"""What happens while the database cannot take a batch: be patient, then spool, then drain; never drop.

A batch that the database answers with a passing error is tried again for `patience` seconds; one whose connection is
lost goes to the spool at once, and so does everything after it until a write succeeds. When the spool cannot take it
either, the batch stays where it is: nothing is acked and nothing more is read.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import TypeVar

from storage.failures import Retryable
from storage.spool import Spool, SpooledMessage, SpoolUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
DRAIN_CHUNK = 1000


class Outage:
    """The state of the database as the pipeline knows it, and the spool that bridges its absence.

    Args:
        spool: None for runs that read files: what cannot be stored stays in the file.

    Attributes:
        spooling: batches go to the spool without asking the database first.
        since: when the present outage began; None while there is none.
        spool_error: why the spool does not take messages; empty while it does.
    """

    def __init__(self, spool: Spool | None, *, patience: float = PATIENCE) -> None:
        self._spool = spool
        self._patience = patience
        self._failing_since: float | None = None
        self._pause = FIRST_PAUSE
        self._filled = asyncio.Event()
        self._access = asyncio.Lock()
        self.spooling = False
        self.since: datetime | None = None
        self.spool_error = ""
        if spool is not None and spool.depth:
            self._filled.set()

    async def after_failure(self, error: Retryable) -> None:
        """A write failed: pause before the next attempt, or switch to the spool."""
        now = monotonic()
        if self._failing_since is None:
            self._failing_since, self.since = now, datetime.now(UTC)
        if error.answered and now - self._failing_since < self._patience:
            await self._rest()
            return
        log.warning("outage_spooling error=%s", error)
        self.spooling = True

    def over(self) -> None:
        """A write succeeded."""
        if self.spooling:
            log.info("outage_over since=%s", self.since)
        self.spooling = False
        self.spool_error = ""  # nothing waits for the spool any more
        self._failing_since = self.since = None
        self._pause = FIRST_PAUSE

    async def spool(self, messages: Sequence[SpooledMessage]) -> None:
        """Keep `messages` on disk; they are safe when this returns.

        Raises:
            SpoolUnavailable: they are not.
        """
        if self._spool is None:
            raise SpoolUnavailable("this run has no spool")
        async with self._access:
            await asyncio.to_thread(self._spool.append, messages)
        self.spool_error = ""
        self._filled.set()

    async def insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat `attempt` while neither database nor spool takes its batch."""
        while True:
            try:
                return await attempt()
            except SpoolUnavailable as error:
                self.spooling = False  # the database is the only way left
                await self._rest_from(error)

    async def spooled(self) -> list[SpooledMessage]:
        """The oldest spooled messages; waits while there are none, or the file cannot be read."""
        while True:
            await self._filled.wait()
            assert self._spool is not None
            try:
                async with self._access:
                    messages = await asyncio.to_thread(self._spool.head, DRAIN_CHUNK)
                    if messages:
                        return messages
                    self._filled.clear()
            except SpoolUnavailable as error:
                await self._rest_from(error)

    async def drained(self, messages: Sequence[SpooledMessage]) -> None:
        """`messages` are in the database now; returns when the spool has forgotten them."""
        assert self._spool is not None
        while True:
            try:
                async with self._access:
                    await asyncio.to_thread(self._spool.remove, messages)
                self.spool_error = ""
                return
            except SpoolUnavailable as error:
                await self._rest_from(error)

    async def wait_for_database(self) -> None:
        """Pause between two attempts to reach a database that is away."""
        await self._rest()

    async def _rest_from(self, error: SpoolUnavailable) -> None:
        log.error("spool_unavailable error=%s", error)
        self.spool_error = str(error)
        await self._rest()

    async def _rest(self) -> None:
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
