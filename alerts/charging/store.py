"""What is kept of charge points: statuses as history, contacts with their sources as spans, links of bays and EVSEs.

Freshness comes from contacts alone: an operator does not send an unchanged status again, so that a status may be days
old and still hold. All functions work on a connection in autocommit, in one transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from psycopg.types.json import Jsonb

from alerts.charging.status import RECHECK, EvseState, StatusEvent
from storage.database import Connection
from storage.statements import load

_QUERIES = load("charging")


class Recheck(Protocol):
    """Asks an operator for one charge point again, just before an alert."""

    async def recheck(self, evse_key: str) -> StatusEvent | None:
        """Its status now, stored under the source `recheck`; UNKNOWN when the operator could not be asked.

        None: no source of this charge point can be asked.
        """


class Synced(NamedTuple):
    """How many links of bays and EVSEs began and ended."""

    added: int
    ended: int


class EvseRow(NamedTuple):
    """An EVSE as its operator describes it."""

    evse_key: str
    evse_id: str
    location_id: str
    uid: str
    detail: Mapping[str, object]


class KnownEvse(NamedTuple):
    """Where an EVSE comes from: its source and the ids that the source uses for it."""

    source: str
    location_id: str
    uid: str


class NewestStatus(NamedTuple):
    """What is known last of an EVSE."""

    at: datetime
    source: str
    status: EvseState


async def record_statuses(connection: Connection, events: Sequence[StatusEvent], *, create: bool = True) -> int:
    """Store what is new: no repeat of a source's last word, nothing older than it; returns how many.

    A time in the future is the operator's clock: the event counts from when it arrived.

    Args:
        create: an EVSE that nobody knew becomes known; False leaves its statuses out (feeds of a whole country).
    """
    if not events:
        return 0
    keys = sorted({one.evse_key for one in events})
    async with connection.transaction():
        source = events[0].source
        if source != RECHECK:
            statement = "ensure_evses" if create else "claim_evses"
            await connection.execute(_QUERIES[statement], {"keys": keys, "source": source})
        known = await (await connection.execute(_QUERIES["lock_evses"], {"keys": keys})).fetchall()
        if not known:
            return 0
        cursor = await connection.execute(_QUERIES["insert_statuses"], _columns(events))
        return len(await cursor.fetchall())


async def record_contact(connection: Connection, source: str, at: datetime) -> None:
    """A successful exchange with the source's operator: a push, or a poll that was answered.

    Contacts at most a minute apart make one span; others stand alone, so that a span never claims what nobody saw.
    """
    values = {"source": source, "at": at}
    async with connection.transaction():
        if (await connection.execute(_QUERIES["extend_contact"], values)).rowcount == 0:
            await connection.execute(_QUERIES["begin_contact"], values)


async def record_evses(connection: Connection, source: str, evses: Iterable[EvseRow]) -> None:
    """Add and update EVSEs from an operator's locations; the last description of one wins."""
    rows = list({one.evse_key: one for one in evses}.values())
    if not rows:
        return
    values = {
        "source": source,
        "keys": [one.evse_key for one in rows],
        "ids": [one.evse_id for one in rows],
        "locations": [one.location_id for one in rows],
        "uids": [one.uid for one in rows],
        "stations": ["" for _ in rows],
        "details": [Jsonb(one.detail) for one in rows],
    }
    await connection.execute(_QUERIES["upsert_evses"], values)


async def sync_bays(connection: Connection, at: datetime) -> Synced:
    """Link bays and EVSEs as the bays' attributes `evses` and `mapping` say; links that are gone end at `at`.

    The first links of a bay hold for all of its history.
    """
    async with connection.transaction():
        await connection.execute(_QUERIES["ensure_bay_evses"])
        row = await (await connection.execute(_QUERIES["sync_bay_evses"], {"at": at})).fetchone()
    assert row is not None
    return Synced(*row)


async def last_contacts(connection: Connection) -> dict[str, datetime]:
    """When each source was last in contact."""
    return dict(await (await connection.execute(_QUERIES["last_contacts"])).fetchall())


async def find_evse(connection: Connection, evse_key: str) -> KnownEvse | None:
    """Where the EVSE comes from; None when nobody told of it."""
    row = await (await connection.execute(_QUERIES["find_evse"], {"evse_key": evse_key})).fetchone()
    return None if row is None else KnownEvse(*row)


async def known_keys(connection: Connection) -> frozenset[str]:
    """The keys of all EVSEs."""
    return frozenset(row[0] for row in await (await connection.execute(_QUERIES["known_keys"])).fetchall())


async def newest_status(connection: Connection, evse_key: str) -> NewestStatus | None:
    """What is known last of the EVSE, from whatever source."""
    row = await (await connection.execute(_QUERIES["newest_status"], {"evse_key": evse_key})).fetchone()
    return None if row is None else NewestStatus(row[0], row[1], EvseState(row[2]))


async def unsettled(connection: Connection, source: str) -> list[str]:
    """EVSEs of the source of which a failed recheck is the last that is known."""
    cursor = await connection.execute(_QUERIES["unsettled"], {"source": source, "recheck": RECHECK})
    return [row[0] for row in await cursor.fetchall()]


async def read_link(connection: Connection, source: str) -> dict[str, Any]:
    """What is kept of the link to a source: cursors, and what a handshake agreed on."""
    row = await (await connection.execute(_QUERIES["read_link"], {"source": source})).fetchone()
    return {} if row is None else dict(row[0])


async def read_links(connection: Connection) -> dict[str, dict[str, Any]]:
    """What is kept of the links to all sources."""
    return dict(await (await connection.execute(_QUERIES["read_links"])).fetchall())


async def merge_link(connection: Connection, source: str, state: Mapping[str, object]) -> None:
    """Keep these parts of a link's state; one that is None goes."""
    await connection.execute(_QUERIES["merge_link"], {"source": source, "state": Jsonb(state)})


def _columns(events: Sequence[StatusEvent]) -> dict[str, object]:
    return {
        "keys": [one.evse_key for one in events],
        "at": [min(one.at, one.received_at) for one in events],
        "received_at": [one.received_at for one in events],
        "sources": [one.source for one in events],
        "statuses": [one.status.value for one in events],
        "raw": [one.raw_status for one in events],
        "recheck": RECHECK,
    }
