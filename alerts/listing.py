"""Alerts and their events as people on the command line see them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from alerts.events import chain_hash, commitment
from alerts.model import Json
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alerts")


@dataclass(frozen=True, slots=True)
class ListedAlert:
    """One alert."""

    number: str
    rule: str
    subject: str
    subject_kind: str
    asset: str
    district: str
    code: str
    severity: str
    confidence: int
    state: str
    reason: str
    group: str
    since: datetime
    opened_at: datetime
    closed_at: datetime | None
    facts: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """One event of an alert; `intact` is false when it does not fit the chain."""

    position: int
    at: datetime
    kind: str
    actor: str
    reason: str
    detail: Mapping[str, Json]
    intact: bool


async def listed(
    connection: Connection, *, limit: int, rule: str | None = None, number: str | None = None, ended: bool = False
) -> list[ListedAlert]:
    """Alerts, the latest first; without `ended` only those that go on."""
    values = {"rule": rule, "number": number, "ended": ended, "limit": limit}
    cursor = await connection.execute(_QUERIES["listed_alerts"], values)
    return [ListedAlert(*row) for row in await cursor.fetchall()]


async def events(connection: Connection, number: str) -> list[ListedEvent]:
    """The events of an alert in their order, each checked against the one before it."""
    found: list[ListedEvent] = []
    previous = ""
    cursor = await connection.execute(_QUERIES["listed_events"], (number,))
    for position, at, kind, actor, salt, mark, reason, detail, before, digest in await cursor.fetchall():
        expected = chain_hash(
            position=position,
            at=at,
            kind=kind,
            actor_commitment=mark,
            reason=reason,
            detail=detail,
            previous_hash=previous,
        )
        named = not salt or commitment(salt, actor) == mark
        intact = before == previous and digest == expected and position == len(found) + 1 and named
        found.append(ListedEvent(position, at, kind, actor, reason, detail, intact))
        previous = digest
    return found
