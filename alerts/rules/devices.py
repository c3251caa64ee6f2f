"""History of devices in portions, so that memory does not grow with the city or with the time that is looked at."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NamedTuple

from storage.database import Connection
from storage.statements import load

_QUERIES = load("alerts")

DEVICE_DAYS = 5000
"""So much history of devices is judged at once, if no single one has more."""


class Devices(NamedTuple):
    """Some devices, by their numbers in the database: from `first` up to, and without, `end`."""

    first: int
    end: int


async def device_portions(connection: Connection, since: datetime, until: datetime) -> AsyncIterator[Devices]:
    """All devices, in portions: fewer of them the more time is looked at."""
    row = await (await connection.execute(_QUERIES["last_device"])).fetchone()
    last = 0 if row is None or row[0] is None else int(row[0])
    step = max(1, int(DEVICE_DAYS / ((until - since) / timedelta(days=1) + 1)))
    for first in range(0, last + 1, step):
        yield Devices(first, first + step)
