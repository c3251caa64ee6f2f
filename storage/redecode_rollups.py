"""Brings the rollups of the hours that a run touched up to date, and no others.

Steps, and on plain PostgreSQL parts, go the way of late data: the transactions of the run marked the hours, maintenance
computes them again. On TimescaleDB the continuous aggregates know themselves what is old; they are asked for the
touched ranges at once, since their own policies may come an hour later.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg import sql

from decoders.readings import KINDS, Reading
from storage.buckets import Width
from storage.database import Connection, Role, try_lock, unlock
from storage.refresh import BEGINNING, Span, refresh_kind
from storage.retention import readings_span
from storage.rollup_parts import Parts, relation
from storage.rollups import parts_of
from storage.settings import RetentionSettings
from storage.statements import load
from storage.timescale import uses_timescale

_QUERIES = load("redecode")
_MAINTENANCE = load("maintenance")
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_ROLE: LiteralString = "SELECT set_config('role', %s, false)"

Hours = Mapping[str, Sequence[datetime]]
"""Touched hours by kind, in order of time."""


async def touched_hours(connection: Connection, run: int) -> dict[str, list[datetime]]:
    """The hours of the readings that the run changed."""
    found: dict[str, list[datetime]] = {}
    cursor = await connection.execute(_QUERIES["archived_hours"], {"run": run})
    for kind, hour in await cursor.fetchall():
        found.setdefault(kind, []).append(hour)
    return found


async def refresh_touched(
    connection: Connection, hours: Hours, retention: RetentionSettings, *, now: datetime, use_roles: bool
) -> None:
    """Refresh the rollups of `hours`, on a connection in autocommit with the role `maintenance`.

    Args:
        use_roles: continuous aggregates belong to the owner, whose role is taken for them.
    """
    kinds = [kind for kind in KINDS if kind.kind in hours]
    timescale = await uses_timescale(connection)
    if await try_lock(connection, "maintenance"):  # else the service's own pass does it within a minute
        try:
            await connection.execute(_MAINTENANCE["allow_long_statements"])
            for kind in kinds:
                stored = () if timescale else await parts_of(connection, kind)
                since = _kept_since(kind, retention, now)
                await refresh_kind(connection, kind, stored_parts=stored, now=now, kept_since=since)
        finally:
            if not connection.closed:
                await unlock(connection, "maintenance")
    if timescale:
        if use_roles:
            await connection.execute(_ROLE, (Role.OWNER.value,))
        for kind in kinds:
            for parts in await parts_of(connection, kind):
                for span in spans(hours[kind.kind], parts.width, since=_kept_since(kind, retention, now), now=now):
                    await _refresh(connection, parts, span)
        if use_roles:
            await connection.execute(_ROLE, (Role.MAINTENANCE.value,))


def spans(hours: Iterable[datetime], width: Width, *, since: datetime, now: datetime) -> list[Span]:
    """The ranges to ask for: they hold every bucket of `hours` whose readings are kept and that is over.

    Hours less than a day apart share a range. A day's bucket lies within a day and a half around its hours.
    """
    margin = timedelta(0) if width is Width.HOURLY else 2 * _DAY
    end = now.replace(minute=0, second=0, microsecond=0) - (_HOUR if width is Width.HOURLY else _DAY)
    found: list[Span] = []
    for hour in hours:
        low, high = max(hour - margin, since), min(hour + _HOUR + margin, end)
        if low >= high:
            continue
        if found and low - found[-1].high < _DAY:
            found[-1] = Span(found[-1].low, high)
        else:
            found.append(Span(low, high))
    return found


def _kept_since(kind: type[Reading], retention: RetentionSettings, now: datetime) -> datetime:
    """A rollup of hours whose readings are gone must stay as it is."""
    span = readings_span(kind, retention)
    return BEGINNING if span is None else now - span + _DAY


async def _refresh(connection: Connection, parts: Parts, span: Span) -> None:
    query = sql.SQL("CALL refresh_continuous_aggregate({}::regclass, {}, {})").format(
        sql.Literal(relation(parts.name).as_string(connection)), *map(sql.Literal, span)
    )
    await connection.execute(query)
