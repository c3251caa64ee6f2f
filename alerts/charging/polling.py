"""What all sources that are asked have in common: the rhythm of polls, the health of the link, one held connection."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

import psycopg

from alerts.charging.exchange import ErrorKind, SourceError
from alerts.charging.metrics import ChargingMetrics
from storage.database import Connection, deadline
from storage.failures import Fatal, Retryable

logger = logging.getLogger(__name__)

SPLAY: Final = 0.1
FIRST_RETRY_SECONDS: Final = 5.0
TRANSACTION_SECONDS: Final = 20.0
RECHECK_SECONDS: Final = 3.5
"""A rule that is about to raise an alert waits for 5 s."""

_DEFECTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a mistake of ours, or a library's view of a setting, raises: it is told, and costs the other sources nothing."""

T = TypeVar("T")

Connect = Callable[[], Awaitable[Connection]]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class SourceHealth:
    """How the link to a source is, for people.

    Attributes:
        last_contact_at: of this process; None before the first.
        problem: why the last attempt failed; empty when it did not.
    """

    name: str
    kind: str
    last_contact_at: datetime | None = None
    problem: str = ""
    failures: int = 0


class HeldConnection:
    """One connection to the database that is opened when needed and opened anew when it broke; used in turns."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def use(self, seconds: float = TRANSACTION_SECONDS) -> AsyncIterator[Connection]:
        """The connection, in autocommit, for at most so many seconds.

        Raises:
            Retryable, Fatal, psycopg.Error: the database cannot be used.
        """
        async with self._turn:
            if self._connection is None or self._connection.closed:
                self._connection = await self._connect()
            async with deadline(self._connection, seconds):
                yield self._connection

    async def close(self) -> None:
        """Close it."""
        async with self._turn:
            if self._connection is not None:
                await self._connection.close()


class Rhythm:
    """Polls a source for ever: at its interval with splay, sooner after failures.

    Args:
        poll: one round; raises what `attempt` knows.
        pause: how a wait is waited; replaced in tests.
    """

    def __init__(
        self,
        health: SourceHealth,
        metrics: ChargingMetrics,
        poll: Callable[[], Awaitable[None]],
        *,
        seconds: float,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._health = health
        self._metrics = metrics
        self._poll = poll
        self._seconds = seconds
        self._pause = pause

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            await attempt(self._poll, self._health, self._metrics)
            await self._pause(self.wait())

    def wait(self) -> float:
        """Seconds until the next round."""
        seconds = self._seconds
        if self._health.failures:
            seconds = min(seconds, FIRST_RETRY_SECONDS * 2.0 ** min(self._health.failures - 1, 10))
        return seconds * random.uniform(1 - SPLAY, 1 + SPLAY)


async def in_time(answer: Awaitable[T], seconds: float = RECHECK_SECONDS) -> T:
    """The answer to a question for which somebody waits.

    Raises:
        SourceError: it takes too long.
    """
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise SourceError(ErrorKind.TIMEOUT, f"no answer within {seconds:g} s") from None


async def attempt(work: Callable[[], Awaitable[None]], health: SourceHealth, metrics: ChargingMetrics) -> bool:
    """Do `work`; True when it went well. What a source or the database may do is counted, logged and kept as health."""
    try:
        await work()
    except SourceError as error:
        kind, problem = error.kind, str(error)
    except (Retryable, Fatal, psycopg.Error) as error:
        kind, problem = ErrorKind.DATABASE, type(error).__name__
    except OSError as error:
        kind, problem = ErrorKind.CONFIGURATION, f"{error.filename or 'a file'}: {error.strerror}"
    except _DEFECTS as error:
        kind, problem = ErrorKind.DEFECT, type(error).__name__
        logger.error("charging_source_defect source=%s", health.name, exc_info=error)
    else:
        if health.failures:
            logger.info("charging_source_well source=%s failures=%d", health.name, health.failures)
        health.problem, health.failures = "", 0
        return True
    metrics.failed(health.name, kind)
    logger.warning("charging_source_failed source=%s kind=%s reason=%r", health.name, kind, problem)
    health.problem, health.failures = problem, health.failures + 1
    return False
