"""How fresh the rollups are: what we store ourselves, and on TimescaleDB its continuous aggregates."""

from datetime import datetime

from storage.database import Connection
from storage.statements import load
from storage.timescale import uses_timescale

_QUERIES = load("maintenance")


async def rollups_fresh_at(connection: Connection) -> datetime | None:
    """When the rollup that is furthest behind was last brought up to date; None before the first time."""
    names = ["rollups_fresh_at"]
    if await uses_timescale(connection):
        names.append("aggregates_fresh_at")
    rows = [await (await connection.execute(_QUERIES[name])).fetchone() for name in names]
    return min((row[0] for row in rows if row is not None and row[0] is not None), default=None)
