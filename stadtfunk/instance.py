"""One instance per client id, and what is known of the database while no batch is written.

Two processes with one MQTT client id would end each other's connection for ever. An advisory lock, held on a
connection of its own, refuses the second one on whatever machine it runs; the spool's file lock does so on this machine
even while the database is away.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import psycopg

from storage.database import Connection, try_lock
from storage.failures import Retryable
from storage.migrate import pending, unknown

log = logging.getLogger(__name__)

PERIOD = 5.0
ANSWER_WITHIN = 5.0


class AlreadyRunning(Exception):
    """Another Stadtfunk holds one of our client ids."""


class WrongSchema(Exception):
    """The database lacks migrations of this version, or has some of a newer one."""


class Instance:
    """Holds the advisory locks of `names` and asks every few seconds whether the database answers.

    Attributes:
        up: the database answered last time.
        detail: why it did not.
    """

    def __init__(self, names: Sequence[str], connect: Callable[[], Awaitable[Connection]]) -> None:
        self._names = sorted(names)
        self._connect = connect
        self._connection: Connection | None = None
        self._accepted = False
        self.up = False
        self.detail = "not connected yet"

    async def claim(self) -> None:
        """Take the locks, or leave it to `watch` while the database is away.

        Raises:
            AlreadyRunning: another process has them.
            WrongSchema: `stadtfunk migrate` must run first, or a newer version has migrated the database.
            Fatal: the database refuses us.
        """
        try:
            await self._ensure()
        except Retryable as error:
            self._down(str(error))

    async def watch(self) -> None:
        """Keep the locks and `up` true to the facts, until cancelled. Raises like `claim`."""
        while True:
            await asyncio.sleep(PERIOD)
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    connection = await self._ensure()
                    await connection.execute("SELECT 1")
            except (psycopg.Error, OSError, TimeoutError, Retryable) as error:
                await self.release()
                self._down(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)

    async def release(self) -> None:
        """Give the locks up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()

    async def _ensure(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await self._claimed(await self._connect())
        self.up, self.detail = True, ""
        return self._connection

    async def _claimed(self, connection: Connection) -> Connection:
        try:
            missing = await pending(connection)
            if missing:
                raise WrongSchema(f"the database lacks {', '.join(missing)}: run `stadtfunk migrate`")
            newer = () if self._accepted else await unknown(connection)
            if newer:
                raise WrongSchema(
                    f"the database has {', '.join(newer)}, unknown to this version: use a newer Stadtfunk"
                )
            self._accepted = True  # who runs already goes on while others are upgraded
            for name in self._names:
                if not await try_lock(connection, name):
                    raise AlreadyRunning(f"another Stadtfunk is {name}")
        except BaseException:
            await connection.close()
            raise
        return connection

    def _down(self, why: str) -> None:
        if self.up:
            log.warning("database_down detail=%r", why)
        self.up, self.detail = False, why
