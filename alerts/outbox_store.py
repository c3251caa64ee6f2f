"""The outbox's side of the database: one connection, claims, marks, and the wake-up when something was written."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import psycopg

from alerts.channels import Outgoing
from storage.database import Connection, deadline
from storage.failures import Fatal, Retryable
from storage.statements import load

log = logging.getLogger(__name__)

_QUERIES = load("outbox")
_ANSWER_WITHIN = 10.0

Connect = Callable[[], Awaitable[Connection]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours until its lease ends; `attempts` counts this one."""

    id: int
    message: Outgoing
    due_at: datetime
    attempts: int


class OutboxStore:
    """Claims and marks messages; opens its connection when it needs one, and anew after a failure.

    Args:
        connect: opens a connection in the alerts' role.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    async def claim(
        self, channel: str, now: datetime, *, lease: datetime, busy: Collection[int], in_order: bool
    ) -> Claimed | None:
        """The next message of `channel` that is due, for the caller alone until `lease`.

        Raises:
            Retryable: the database cannot be used now, as for all methods here.
        """
        values = {"channel": channel, "now": now, "lease": lease, "busy": list(busy)}
        row = await self._row("claim_in_order" if in_order else "claim", values)
        return None if row is None else _claimed(row)

    async def next_at(self, channel: str, now: datetime) -> datetime | None:
        """When the next message of `channel` that is not due yet will be."""
        row = await self._row("next_at", {"channel": channel, "now": now})
        return None if row is None else row[0]

    async def sent(self, claimed: Claimed, now: datetime) -> None:
        """It has arrived."""
        await self._row("mark_sent", {"id": claimed.id, "now": now})

    async def later(self, claimed: Claimed, try_at: datetime, error: str, delivered: Collection[str]) -> None:
        """It is tried again at `try_at`."""
        values = {"id": claimed.id, "try_at": try_at, "error": error, "delivered": sorted(delivered)}
        await self._row("mark_later", values)

    async def dead(self, claimed: Claimed, error: str) -> None:
        """It is given up."""
        await self._row("mark_dead", {"id": claimed.id, "error": error})

    async def bury(self, channels: Sequence[str], before: datetime) -> int:
        """Give up what is for other channels than these and due before `before`; returns how many."""
        return await self.run(lambda connection: _bury(connection, channels, before))

    async def forget_old(self, before: datetime) -> None:
        """Delete summaries and digests that were due before `before`."""
        await self._row("forget_old", {"before": before})

    async def waiting(self, channels: Sequence[str]) -> list[tuple[str, str, int, datetime]]:
        """Channel, state, count and oldest due time of what waits."""
        return await self.run(lambda connection: _rows(connection, "waiting", {"channels": list(channels)}))

    async def run(self, operation: Callable[[Connection], Awaitable[T]]) -> T:
        """One operation on the connection, which is nobody else's meanwhile."""
        async with self._turn:
            try:
                connection = await self._open()
                async with deadline(connection, _ANSWER_WITHIN):
                    return await operation(connection)
            except psycopg.Error as error:
                await self.close()
                raise Retryable(f"the outbox cannot be read now: {type(error).__name__}") from error

    async def close(self) -> None:
        """Give up the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()

    async def written(self) -> AsyncIterator[None]:
        """Yields at the begin and whenever somebody wrote messages, until the connection is lost."""
        connection = await self._new()
        try:
            await connection.execute("LISTEN stadtfunk_outbox")
            yield
            async for _ in connection.notifies():
                yield
        except psycopg.Error as error:
            raise Retryable(f"no wake-up of the outbox: {type(error).__name__}") from error
        finally:
            with suppress(psycopg.Error):
                await connection.close()

    async def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await self._new()
        return self._connection

    async def _new(self) -> Connection:
        try:
            return await self._connect()
        except Fatal as error:  # messages wait for whoever mends it; the rest of the program goes on
            raise Retryable(str(error)) from error

    async def _row(self, statement: str, values: dict[str, object]) -> tuple[Any, ...] | None:
        rows = await self.run(lambda connection: _rows(connection, statement, values))
        return rows[0] if rows else None


async def _rows(connection: Connection, statement: str, values: dict[str, object]) -> list[Any]:
    cursor = await connection.execute(_QUERIES[statement], values)
    return [] if cursor.description is None else await cursor.fetchall()


async def _bury(connection: Connection, channels: Sequence[str], before: datetime) -> int:
    cursor = await connection.execute(_QUERIES["bury"], {"channels": list(channels), "before": before})
    return cursor.rowcount


def _claimed(row: tuple[Any, ...]) -> Claimed:
    number, key, kind, body, created_at, due_at, attempts, delivered = row
    body = {name: value for name, value in body.items() if name != "group"} if kind != "summary" else body
    return Claimed(number, Outgoing(key, kind, body, created_at, frozenset(delivered)), due_at, attempts)
