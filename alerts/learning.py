"""How often each device is heard, learned from its uplinks: the time within which all but few of its gaps lie.

Losses belong to it: a device in a cellar of which every second frame arrives is often silent for hours and lives.
Set-wise in SQL, some thousand devices at a time, so that neither a statement nor the database is busy for long.
"""

import asyncio
from datetime import datetime, timedelta

from storage.database import Connection
from storage.statements import load

_QUERIES = load("alerts")

DEVICES_AT_ONCE = 2000
UPLINKS_OF_EACH = 200
FEWEST_GAPS = 5
QUANTILE = 0.98
_PAUSE_SECONDS = 0.05


async def learn(connection: Connection, now: datetime, *, since: timedelta) -> int:
    """Bring `device_interval` up to date from the latest uplinks; returns how many devices' intervals are known.

    Args:
        since: how far back uplinks count.
    """
    row = await (await connection.execute(_QUERIES["last_device"])).fetchone()
    last = 0 if row is None or row[0] is None else int(row[0])
    learned = 0
    for first in range(0, last + 1, DEVICES_AT_ONCE):
        values = {
            "first": first,
            "end": first + DEVICES_AT_ONCE,
            "since": now - since,
            "now": now,
            "uplinks": UPLINKS_OF_EACH,
            "fewest": FEWEST_GAPS,
            "quantile": QUANTILE,
        }
        learned += (await connection.execute(_QUERIES["learn_intervals"], values)).rowcount
        await asyncio.sleep(_PAUSE_SECONDS)
    return learned
