"""Messages that are kept raw with their reason: found for people, given back for another try, marked as resolved."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from decoders.errors import RejectReason
from storage.database import Connection
from storage.statements import load

_QUERIES = load("rejected")
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """One row of `rejected`."""

    id: int
    source: str
    topic: str
    payload: bytes
    received_at: datetime
    reason: str
    detail: str
    dev_eui: str
    decoder: str
    times_seen: int
    last_seen_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages: those that match every field that is given."""

    id: int | None = None
    reason: RejectReason | None = None
    source: str | None = None


async def find(connection: Connection, selection: Selection, *, limit: int) -> list[RejectedMessage]:
    """The newest `limit` unresolved messages; one that is asked for by its id may be resolved."""
    return await _find(connection, selection, limit=limit, before=None)


async def find_all(connection: Connection, selection: Selection) -> AsyncIterator[list[RejectedMessage]]:
    """All of them, newest first, in chunks; rows that are resolved meanwhile do not disturb."""
    before = None
    while chunk := await _find(connection, selection, limit=_CHUNK, before=before):
        yield chunk
        before = chunk[-1].id


async def count_open(connection: Connection) -> Mapping[str, int]:
    """Unresolved messages by reason."""
    cursor = await connection.execute(_QUERIES["count_open"])
    return dict(await cursor.fetchall())


async def resolve(connection: Connection, ids: Sequence[int]) -> int:
    """Mark messages as resolved; returns how many were not before."""
    cursor = await connection.execute(_QUERIES["resolve"], (list(ids),))
    return cursor.rowcount


async def _find(
    connection: Connection, selection: Selection, *, limit: int, before: int | None
) -> list[RejectedMessage]:
    values = {
        "id": selection.id,
        "reason": selection.reason,
        "source": selection.source,
        "before": before,
        "limit": limit,
    }
    cursor = await connection.execute(_QUERIES["find"], values)
    return [RejectedMessage(*row) for row in await cursor.fetchall()]
