"""What arrived of bays and charge points since a rule looked last, and when to look at a bay of which nothing does.

That a message is new is told by counters, not by its time: late ones count as well. All of it is in memory and can be
lost at any time; then everything is new.
"""

from datetime import datetime, timedelta
from zlib import crc32

from alerts.parking.loading import bay_uplinks, newest_statuses
from storage.database import Connection

_STATUS_VISIBLE = timedelta(minutes=10)
"""A status that was received longer ago is committed, or never will be."""
_SWEEP_WITHIN = timedelta(hours=1)
_PORTIONS = 32


class News:
    """Remembers what was there at the last look."""

    def __init__(self) -> None:
        self._uplinks: dict[str, int] = {}
        self._statuses: dict[str, int] = {}

    async def read(self, connection: Connection, now: datetime) -> set[str]:
        """Keys of bays and charge points of which something is new since the last time."""
        uplinks = await bay_uplinks(connection)
        statuses = await newest_statuses(connection, now - _STATUS_VISIBLE)
        new = {key for key, count in uplinks.items() if self._uplinks.get(key) != count}
        new |= {evse for evse, newest in statuses.items() if self._statuses.get(evse, 0) < newest}
        self._uplinks = uplinks
        self._statuses |= statuses
        return new


def next_sweep(key: str, now: datetime) -> datetime:
    """When a bay is told again, whatever happens: within the hour, and not all bays at once, so that no turn is long.

    Half an hour from now or more, in one of a few portions that is the same for a bay every time.
    """
    return now + _SWEEP_WITHIN * (0.5 + crc32(key.encode()) % _PORTIONS / _PORTIONS / 2)
