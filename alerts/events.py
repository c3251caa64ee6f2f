"""The append-only log of an alert: a hash chain, in which names are salted commitments.

The hash of an event covers position, time, kind, the actor's commitment, reason, detail and the hash before it. The
name itself is beside the chain, so erasing it (and its salt) leaves the chain valid.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from psycopg.types.json import Jsonb

from alerts.model import EventKind, Json
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alerts")

GENESIS = ""
"""The hash before the first event."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """A row of `alert_event`, without what people may read of it beside the chain."""

    id: int
    alert_id: int
    position: int
    kind: EventKind
    at: datetime
    hash: str


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be appended; `at` is when it happened, which for evaluations of history is event time."""

    alert_id: int
    kind: EventKind
    at: datetime
    actor: str = ""
    reason: str = ""
    detail: Mapping[str, Json] = field(default_factory=dict)


async def append(
    connection: Connection,
    alert_id: int,
    kind: EventKind,
    *,
    at: datetime,
    actor: str = "",
    reason: str = "",
    detail: Mapping[str, Json] | None = None,
) -> EventRow:
    """Append one event; call it in the transaction that changes the alert. Locks the alert until its end.

    Raises:
        LookupError: there is no such alert.
    """
    [row] = await append_all(connection, [NewEvent(alert_id, kind, at, actor, reason, detail or {})])
    return row


async def append_all(connection: Connection, events: Sequence[NewEvent]) -> list[EventRow]:
    """Append events of many alerts, in their order; raises like `append`."""
    if not events:
        return []
    ids = sorted({event.alert_id for event in events})
    await connection.execute(_QUERIES["lock_alerts"], (ids,))
    cursor = await connection.execute(_QUERIES["heads"], (ids,))
    heads = {alert_id: (position, digest) for alert_id, position, digest in await cursor.fetchall()}
    missing = set(ids) - heads.keys()
    if missing:
        raise LookupError(f"there is no alert {min(missing)}")
    columns = zip(*_chained(events, heads), strict=True)
    cursor = await connection.execute(_QUERIES["insert_events"], [list(column) for column in columns])
    rows = [EventRow(row[0], row[1], row[2], EventKind(row[3]), *row[4:]) for row in await cursor.fetchall()]
    return sorted(rows, key=lambda row: row.id)


def commitment(salt: str, name: str) -> str:
    """The mark that stands for a name in the chain; empty for the engine itself."""
    return hashlib.sha256(f"{salt}{name}".encode()).hexdigest() if name else ""


def chain_hash(
    *,
    position: int,
    at: datetime,
    kind: str,
    actor_commitment: str,
    reason: str,
    detail: Mapping[str, Json],
    previous_hash: str,
) -> str:
    """The hash of an event: SHA-256 of canonical JSON (sorted keys, no spaces, UTF-8, UTC with microseconds)."""
    content = {
        "position": position,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "kind": str(kind),
        "actor_commitment": actor_commitment,
        "reason": reason,
        "detail": detail,
        "previous_hash": previous_hash,
    }
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def canonical(content: Mapping[str, object]) -> str:
    """JSON of which there is only one form for the same content.

    Numbers are written as the database gives them back: 1.0 and 1 are one number to `jsonb`'s reader only when equal
    in text, so whole floats are written as whole numbers.
    """
    return json.dumps(_plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def _chained(events: Iterable[NewEvent], heads: dict[int, tuple[int, str]]) -> Iterator[tuple[object, ...]]:
    """The rows of `alert_event`, each linked to the one before it; `heads`: position and hash of the last ones."""
    for event in events:
        position, previous = heads[event.alert_id]
        salt = secrets.token_hex(16) if event.actor else ""
        mark = commitment(salt, event.actor)
        digest = chain_hash(
            position=position + 1,
            at=event.at,
            kind=event.kind,
            actor_commitment=mark,
            reason=event.reason,
            detail=event.detail,
            previous_hash=previous,
        )
        heads[event.alert_id] = (position + 1, digest)
        said = (event.actor, salt, mark, event.reason, Jsonb(_plain(event.detail)))
        yield event.alert_id, position + 1, event.at, event.kind.value, *said, previous, digest
