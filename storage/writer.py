"""The batch writer: one transaction per batch, idempotent, with the bad row isolated and everything else kept.

An error's SQLSTATE decides (storage.failures): RETRY raises `Retryable` and the caller brings the same records again;
ISOLATE bisects until the refused record stands alone and goes to `rejected`; FATAL raises `Fatal`. A failed COMMIT
may have happened, which is harmless because every statement is idempotent. An error that nobody foresaw, a defect of
ours, is isolated like a refusal.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import uuid4

from decoders.errors import RejectReason, defect_at
from storage import arrays
from storage.batch import Record, WriteResult
from storage.directory import Connection, Directory
from storage.failures import Action, Fatal, Retryable, action_for, reason_for
from storage.faults import fault_point
from storage.statements import load
from storage.transaction import BatchTransaction, NotAllNew

log = logging.getLogger(__name__)

T = TypeVar("T")

Connect = Callable[[], Awaitable[Connection]]


class Writer:
    """Stores records through one connection of its own, which it opens when needed.

    Args:
        connect: opens a connection with every timeout set (`storage.database.connect`).
        deadline: seconds for one transaction, whatever the database does; psycopg may need 5 s more to give up.
        pipelined: send statements without waiting for each answer; False for servers that cannot take that.
    """

    def __init__(self, connect: Connect, *, deadline: float = 20.0, pipelined: bool = True) -> None:
        self._connect = connect
        self._pipelined = pipelined
        self._deadline = deadline
        self._connection: Connection | None = None
        self._queries = load("writer")
        self._directory = Directory(self._queries)
        self._name = uuid4().hex

    async def write(self, records: Sequence[Record], *, redecode: bool = False) -> WriteResult:
        """Store `records` in one transaction; more only where a record has to be isolated.

        Raises:
            Retryable: nothing is certain; bring the same records again.
            Fatal: schema, rights or configuration are wrong.
        """
        try:
            return await self._transaction(records, redecode=redecode)
        except Exception as error:  # noqa: BLE001  (a defect must end neither the service nor the batch's good messages)
            await self._refuse_or_raise(error)
            cause = error
        except BaseException:
            self._directory.clear()
            raise
        result = WriteResult(attempts=1)
        await self._isolate(records, result, cause, redecode=redecode)
        return result

    async def read(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """The answer to a question about what is stored, through the writer's own connection.

        Raises:
            Retryable, Fatal: as `write`.
        """
        try:
            async with asyncio.timeout(self._deadline):
                return await question(await self._connected())
        except Exception as error:
            await self._refuse_or_raise(error)
            raise Retryable(f"a question was refused: {type(error).__name__}", answered=True) from error

    def abandon(self) -> None:
        """Cut the connection without a word, so that a write in progress ends however the server hangs."""
        if self._connection is not None:
            self._connection.pgconn.finish()

    async def close(self) -> None:
        """Give the connection up; the next write opens a new one."""
        connection, self._connection = self._connection, None
        self._directory.clear()
        if connection is not None:
            await connection.close()

    async def _isolate(
        self, records: Sequence[Record], result: WriteResult, cause: Exception, *, redecode: bool
    ) -> None:
        """Store what can be stored of `records`, of which at least one cannot, as `cause` says."""
        if len(records) == 1:
            result.add(await self._quarantine(records[0], cause))
            return
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            try:
                result.add(await self._transaction(half, redecode=redecode))
            except Exception as error:  # noqa: BLE001  (as in `write`)
                await self._refuse_or_raise(error)
                result.attempts += 1
                await self._isolate(half, result, error, redecode=redecode)

    async def _quarantine(self, record: Record, cause: Exception) -> WriteResult:
        reason = reason_for(cause)
        ours = reason is RejectReason.INTERNAL_ERROR
        detail = defect_at(cause) if ours else "the database refused a value of this message"
        refused = replace(record, event=None, readings=(), decoder=None, assembly=None, reason=reason, detail=detail)
        try:
            result = await self._transaction([refused], redecode=False)
        except Exception as error:
            await self._refuse_or_raise(error)
            log.critical("message_cannot_be_set_aside source=%s defect=%r", record.source, defect_at(error))
            raise Retryable("a message could be neither stored nor set aside") from error
        if ours:
            log.error("message_set_aside source=%s defect=%r", record.source, detail)
        result.quarantined = 1
        return result

    async def _transaction(self, records: Sequence[Record], *, redecode: bool) -> WriteResult:
        async with asyncio.timeout(self._deadline):
            try:
                return await self._attempt(records, redecode=redecode, careful=redecode or not self._pipelined)
            except NotAllNew as surprise:
                log.info("batch_repeated_carefully reason=%r", str(surprise))
                self._directory.clear()
                return await self._attempt(records, redecode=redecode, careful=True)

    async def _attempt(self, records: Sequence[Record], *, redecode: bool, careful: bool) -> WriteResult:
        connection = await self._connected()
        async with connection.transaction():
            await self._take_turn(connection)
            batch = BatchTransaction(connection, self._queries, self._directory, careful=careful, redecode=redecode)
            result = await batch.store(records)
            fault_point("before_commit")
        fault_point("after_commit")
        return result

    async def _take_turn(self, connection: Connection) -> None:
        """Lock out other writers until the commit; what another wrote meanwhile is not in our memory."""
        row = await (await connection.execute(self._queries["take_turn"])).fetchone()
        if row is None or row[0] != self._name:
            self._directory.clear()
            await connection.execute(self._queries["sign_turn"], (self._name,))

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._directory.clear()
            self._connection = await self._connect()
            arrays.register(self._connection)
        return self._connection

    async def _refuse_or_raise(self, error: Exception) -> None:
        """Return when the batch has to be isolated; raise what else the error means."""
        self._directory.clear()
        if isinstance(error, (Retryable, Fatal)):  # the connection could not be opened
            raise error
        action = action_for(error)
        state = getattr(error, "sqlstate", None) or "-"
        log.warning("batch_failed action=%s sqlstate=%s error=%s", action, state, type(error).__name__)
        if action is Action.ISOLATE:
            return
        message = f"{type(error).__name__} {state}"
        answered = self._connection is not None and not self._connection.closed and state != "-"
        if not answered:
            await self.close()
        raise (Fatal(message) if action is Action.FATAL else Retryable(message, answered=answered)) from error
