"""Whether the hash chains of all cases hold, looked at after an import; one case: `alerts.evidence`."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from alerts.events import GENESIS, chain_hash
from storage.database import Connection
from storage.statements import load

_QUERIES = load("archive")


@dataclass(frozen=True, slots=True)
class Chains:
    """How many cases were looked at, and the numbers of those whose chain does not hold."""

    cases: int
    broken: tuple[str, ...]


async def check_chains(connection: Connection) -> Chains:
    """Compute every event's hash again; all cases as a stream, in bounded memory."""
    cases, broken = 0, []
    number, position, previous, sound = "", 0, GENESIS, True
    async with connection.transaction():
        async for row in _events(connection):
            if row[0] != number:
                broken += [] if sound else [number]
                number, position, previous, sound = row[0], 0, GENESIS, True
                cases += 1
            position += 1
            sound = sound and row[1] == position and row[7] == previous and row[8] == _hash_of(row)
            previous = row[8]
    return Chains(cases, tuple(broken if sound else [*broken, number]))


async def _events(connection: Connection) -> AsyncIterator[tuple[Any, ...]]:
    async with connection.cursor(name="chains") as cursor:
        await cursor.execute(_QUERIES["chains"])
        async for row in cursor:
            yield row


def _hash_of(row: tuple[Any, ...]) -> str:
    return chain_hash(
        position=row[1],
        at=row[2],
        kind=row[3],
        actor_commitment=row[4],
        reason=row[5],
        detail=row[6],
        previous_hash=row[7],
    )
