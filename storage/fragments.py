"""Stored uplinks whose payload is a part of something: found again, to be made whole."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from decoders.uplink import Uplink
from storage.batch import Outcome
from storage.database import Connection
from storage.statements import load
from storage.uplink_rows import UplinkRow

_QUERIES = load("fragments")

CONTEXT_REACH = timedelta(days=400)
"""How far back an uplink may lie that explains later ones; raw payloads of households are mostly gone much earlier."""

MOST_DEVICES = 1000
"""Devices that one question about waiting fragments gives."""


class Span(NamedTuple):
    """Network-server times between which uplinks are wanted."""

    since: datetime
    until: datetime

    def __or__(self, other: object) -> "Span":
        """The span from the earlier beginning to the later end."""
        if not isinstance(other, Span):
            return NotImplemented
        return Span(min(self.since, other.since), max(self.until, other.until))


async def find_fragments(
    connection: Connection, spans: Mapping[str, Span], outcomes: Sequence[Outcome] = (Outcome.FRAGMENT,)
) -> list[Uplink]:
    """The uplinks with these outcomes, by device and time, whose payloads are still kept.

    Args:
        spans: by DevEUI.
    """
    if not spans:
        return []
    values = {
        "devices": list(spans),
        "since": [span.since for span in spans.values()],
        "until": [span.until for span in spans.values()],
        "first": min(span.since for span in spans.values()),
        "last": max(span.until for span in spans.values()),
        "outcomes": [outcome.value for outcome in outcomes],
    }
    cursor = await connection.execute(_QUERIES["find"], values)
    return [UplinkRow(*row).uplink() for row in await cursor.fetchall()]


async def find_context(connection: Connection, dev_eui: str, ports: Iterable[int], until: datetime) -> list[Uplink]:
    """The device's latest uplink up to `until`, and its first one after that, on each of these ports."""
    found: list[Uplink] = []
    for port in ports:
        values = {"device": dev_eui, "port": port, "until": until, "reach": CONTEXT_REACH}
        cursor = await connection.execute(_QUERIES["find_context"], values)
        found += [UplinkRow(*row).uplink() for row in await cursor.fetchall()]
    return found


async def find_waiting(
    connection: Connection, since: datetime, *, after: str = "", limit: int = MOST_DEVICES
) -> dict[str, Span]:
    """Devices with fragments after `since` that are still fragments, and from when to when these are.

    Args:
        after: the last device of the answer before; there may be more when an answer is full.
    """
    values = {"since": since, "after": after, "limit": limit}
    cursor = await connection.execute(_QUERIES["waiting"], values)
    return {dev_eui: Span(first, last) for dev_eui, first, last in await cursor.fetchall()}
