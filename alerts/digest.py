"""The digest at the begin of a shift: what is open since when, what settled, told in one message of each channel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from alerts.model import Json
from alerts.notify import entry
from storage.database import Connection
from storage.statements import load

_QUERIES = load("outbox")

MOST = 100
"""A digest names so many alerts and counts the others."""


@dataclass(frozen=True, slots=True)
class Held:
    """A message that waited for the shift, and its alert as it is now.

    Attributes:
        told: the channel knew of the alert before.
    """

    id: int
    alert_id: int
    body: Mapping[str, Json]
    state: str
    priority: float
    open: bool
    reason: str
    told: bool
    due_at: datetime


async def gather(connection: Connection, channel: str, now: datetime) -> bool:
    """Put what was held for `channel` until now into one message; True when there is something to tell."""
    async with connection.transaction():
        cursor = await connection.execute(_QUERIES["held"], {"channel": channel, "now": now})
        held = [Held(*row) for row in await cursor.fetchall()]
        if not held:
            return False
        key = f"digest/{channel}/{held[-1].id}"
        body = digest(held)
        if body is not None:
            due_at = max(one.due_at for one in held)
            values = {"key": key, "channel": channel, "body": Jsonb(body), "due_at": due_at}
            await connection.execute(_QUERIES["insert_digest"], values)
        await connection.execute(_QUERIES["release_held"], {"key": key, "ids": [one.id for one in held]})
    return body is not None


async def next_digest(connection: Connection, channels: Sequence[str]) -> datetime | None:
    """When the next shift begins for which something is held."""
    row: tuple[Any, ...] | None
    row = await (await connection.execute(_QUERIES["next_digest"], {"channels": list(channels)})).fetchone()
    return None if row is None else row[0]


def digest(held: Sequence[Held]) -> dict[str, Json] | None:
    """The body of the digest; None when nothing is open and nobody waits for an end. Pure."""
    last = {one.alert_id: one for one in held}
    known = {one.alert_id for one in held if one.told}
    opened = sorted((one for one in last.values() if one.open), key=lambda one: (-one.priority, one.id))
    settled = [one for one in last.values() if not one.open and one.alert_id in known]
    if not opened and not settled:
        return None
    return {
        "open": [_entry(one) for one in opened[:MOST]],
        "open_count": len(opened),
        "settled": [_entry(one) for one in settled[:MOST]],
        "settled_count": len(settled),
        "came_and_went": len(last) - len(opened) - len(settled),
    }


def _entry(one: Held) -> Mapping[str, Json]:
    return {**entry(one.body), "state": one.state, "reason": one.reason}
