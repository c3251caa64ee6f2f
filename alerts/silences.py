"""Silences: spans in which alerts of a rule or subject are recorded but nobody is told before they end.

Maintenance of an asset is a silence of its key: it covers the alerts of the asset and of the devices bound to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.database import Connection
from storage.statements import load

_QUERIES = load("alerts")


@dataclass(frozen=True, slots=True)
class Silence:
    """One span; `rule` and `subject` None mean every one. `subject` is the alert's own or its asset's key."""

    starts_at: datetime
    ends_at: datetime
    rule: str | None = None
    subject: str | None = None
    comment: str = ""
    created_by: str = ""
    id: int = 0

    def covers(self, rule: str, keys: Iterable[str], at: datetime) -> bool:
        """True when an alert of `rule` with one of these keys is silent at `at`."""
        matches = self.rule in (None, rule) and (self.subject is None or self.subject in keys)
        return matches and self.starts_at <= at < self.ends_at


def silent_until(silences: Sequence[Silence], rule: str, keys: Sequence[str], at: datetime) -> datetime:
    """The end of the silences that follow each other from `at` on; `at` itself when there is none."""
    while True:
        ends = [silence.ends_at for silence in silences if silence.covers(rule, keys, at)]
        if not ends:
            return at
        at = max(ends)


async def add(connection: Connection, silence: Silence) -> int:
    """Store a silence; returns its id."""
    values = (silence.rule, silence.subject, silence.starts_at, silence.ends_at, silence.comment, silence.created_by)
    row = await (await connection.execute(_QUERIES["insert_silence"], values)).fetchone()
    assert row is not None
    return int(row[0])


async def unended(connection: Connection, now: datetime) -> list[Silence]:
    """Silences that go on or will begin."""
    cursor = await connection.execute(_QUERIES["unended_silences"], (now,))
    return [
        Silence(
            id=row[0], rule=row[1], subject=row[2], starts_at=row[3], ends_at=row[4], comment=row[5], created_by=row[6]
        )
        for row in await cursor.fetchall()
    ]


async def end(connection: Connection, silence_id: int, now: datetime) -> bool:
    """End a silence now (one that has not begun is taken back); False when there is none that could end."""
    cursor = await connection.execute(_QUERIES["end_silence"], {"id": silence_id, "now": now})
    return cursor.rowcount > 0
