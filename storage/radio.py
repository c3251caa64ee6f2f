"""Sums of the radio network: what was heard, lost and by whom, per hour and local day, for dashboards.

Ordinary tables on both databases (migration `radio`), brought up to date for touched hours like the rollups of reading
kinds (`storage.refresh`): a local day with a touched hour is computed again as a whole from uplinks and receptions, as
far as its hours are over. Late frames change what is missing before the frame that follows them, so its day is computed
again, too. The hour that still runs is never stored; panels of short ranges read the frames themselves.
"""

from datetime import datetime

from psycopg import sql

from storage.buckets import ZONE
from storage.database import Connection
from storage.rollup_parts import relation
from storage.statements import load

TABLES = (
    "radio_hourly",
    "radio_margin_hourly",
    "radio_gateway_hourly",
    "radio_report_hourly",
    "radio_device_daily",
    "radio_link_daily",
)

_QUERIES = load("radio")


async def refresh_radio(connection: Connection, *, now: datetime, kept_since: datetime) -> int:
    """Bring the figures to the last full hour before `now`; returns how many days were computed.

    Args:
        kept_since: what the figures are made of may be gone before it, so those of days before it are left as they are.
    """
    values = {"until": now.replace(minute=0, second=0, microsecond=0), "now": now, "zone": ZONE}
    async with connection.transaction():
        if await (await connection.execute(_QUERIES["find_watermark"])).fetchone() is None:
            await connection.execute(_QUERIES["touch_history"], values)
        cursor = await connection.execute(_QUERIES["take_touched"], values)
        touched = {day for (day,) in await cursor.fetchall() if day >= kept_since}
        days = sorted(touched | await _days_after(connection, touched, values))
        for day in days:
            await _store(connection, day, values)
        await connection.execute(_QUERIES["set_watermark"], values)
    return len(days)


async def _days_after(connection: Connection, touched: set[datetime], values: dict[str, object]) -> set[datetime]:
    found: set[datetime] = set()
    for day in touched:
        span = {**values, "low": day, "high": await _end(connection, day)}
        found.update(one for (one,) in await (await connection.execute(_QUERIES["next_days"], span)).fetchall())
    return found


async def _store(connection: Connection, day: datetime, values: dict[str, object]) -> None:
    until = values["until"]
    assert isinstance(until, datetime)
    span = {"day": day, "low": day, "high": min(await _end(connection, day), until)}
    for table in TABLES:
        await connection.execute(sql.SQL(_QUERIES["forget"]).format(table=relation(table)), span)
    await connection.execute(_QUERIES["store"], span)


async def _end(connection: Connection, day: datetime) -> datetime:
    """Where the local day ends that begins at `day`; days have 23 or 25 hours when the clocks change."""
    row = await (await connection.execute(_QUERIES["end_of_day"], {"low": day, "zone": ZONE})).fetchone()
    assert row is not None
    end: datetime = row[0]
    return end
