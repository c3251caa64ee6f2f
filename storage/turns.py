"""Work that one process does once an hour, whoever comes first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from storage.database import Connection, try_lock, unlock
from storage.statements import load

_QUERIES = load("maintenance")
HOUR: Final = timedelta(hours=1)


@asynccontextmanager
async def hourly(connection: Connection, task: str, now: datetime) -> AsyncIterator[bool]:
    """True when `task` is ours to do now; False when it was done within the hour or another process is at it.

    A block that raises leaves it to be done again. The connection is in autocommit and may write `maintenance_task`.
    """
    if not await _is_due(connection, task, now) or not await try_lock(connection, task):
        yield False
        return
    try:
        yield True
        await connection.execute(_QUERIES["record_task"], (task, now))
    finally:
        if not connection.closed:
            await unlock(connection, task)


async def _is_due(connection: Connection, task: str, now: datetime) -> bool:
    row = await (await connection.execute(_QUERIES["last_run"], (task,))).fetchone()
    return row is None or now - row[0] >= HOUR
