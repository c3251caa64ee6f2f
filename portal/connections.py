"""A small pool of database connections for pages: bounded, patient for a moment, and free of broken ones."""

import asyncio
import select
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from psycopg.pq import TransactionStatus

from storage.database import Connection
from storage.failures import Retryable

Connect = Callable[[], Awaitable[Connection]]

WAIT_SECONDS: Final = 5.0


class ConnectionPool:
    """At most `size` connections, opened when needed and used again.

    Args:
        connect: opens one, with role and time limits.
    """

    def __init__(self, connect: Connect, *, size: int = 8, wait_seconds: float = WAIT_SECONDS) -> None:
        self._connect = connect
        self._turns = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._wait_seconds = wait_seconds
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit for the block; `connection.transaction()` makes one of several statements.

        Raises:
            Retryable: all are in use, or the database cannot be reached now.
        """
        await self._wait_for_turn()
        try:
            connection = await self._take()
            try:
                yield connection
            finally:
                await self._give_back(connection)
        finally:
            self._turns.release()

    async def close(self) -> None:
        """Close what is idle; what is in use is closed when it comes back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _wait_for_turn(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise Retryable("all database connections of the portal are in use") from None

    async def _take(self) -> Connection:
        """An idle connection that the server has not ended meanwhile, as a restart does, else a new one."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed and not _hung_up(connection):
                return connection
            await connection.close()
        return await self._connect()

    async def _give_back(self, connection: Connection) -> None:
        if self._closed or connection.closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            await connection.close()
        else:
            self._idle.append(connection)


def _hung_up(connection: Connection) -> bool:
    """True when the server has ended an idle connection: only then is there something to read."""
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))
