"""Brings the stored rollups of one kind up to date: what was touched since the last run, and hours that are over now.

Everything is computed again from the readings and replaced, so a run can be repeated, and a crash in the middle
changes nothing. The hour that still runs is never stored; the views compute it. Of the day that still runs the steps of
its hours are stored as far as they are over.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from psycopg import sql

from decoders.readings import Reading
from storage.buckets import ZONE, Width
from storage.database import Connection
from storage.rollup_parts import Parts, part_names, parts_query, relation
from storage.rollup_steps import (
    HOLD,
    daily_steps,
    has_spans,
    has_steps,
    hourly_steps,
    next_hours_query,
    step_names,
    steps_name,
    stored_steps,
)
from storage.statements import load

_QUERIES = load("maintenance")
_HOUR = timedelta(hours=1)
_SLICE = timedelta(days=1)


BEGINNING = datetime(1990, 1, 1, tzinfo=UTC)
"""Before every reading: no credible clock says so."""


class Limits(NamedTuple):
    """What a run may touch: from `kept_since`; new since the last run are the hours from `since` to `until`."""

    kept_since: datetime
    since: datetime
    until: datetime


class Span(NamedTuple):
    """Buckets from `low` up to, not including, `high`."""

    low: datetime
    high: datetime


async def refresh_kind(
    connection: Connection,
    kind: type[Reading],
    *,
    stored_parts: Sequence[Parts],
    now: datetime,
    kept_since: datetime = BEGINNING,
) -> int:
    """Bring the kind's stored rollups to the last full hour before `now`; returns how many hours were computed.

    Args:
        stored_parts: the parts that are tables of ours; none on TimescaleDB, which keeps them itself.
        kept_since: readings before it may be gone, so rollups before it are left as they are.
    """
    until = _full_hour(now)
    kept_since = _full_hour(kept_since) + _HOUR
    key = {"kind": kind.kind, "until": until, "now": now}
    async with connection.transaction():
        before = await _find_watermark(connection, kind)
        cursor = await connection.execute(_QUERIES["take_touched"], key)
        touched = [hour for (hour,) in await cursor.fetchall() if hour >= kept_since]
        limits = Limits(kept_since, max(before or min(touched, default=until), kept_since), until)
        for parts in stored_parts:
            spans = await _buckets(connection, parts.width, touched, limits, with_open=False)
            await _refresh_parts(connection, parts, spans)
        hours = await _step_hours(connection, kind, touched, limits)
        if has_steps(kind):
            for width in Width:
                spans = await _buckets(connection, width, hours, limits, with_open=True)
                await _refresh_steps(connection, kind, width, spans)
        await connection.execute(_QUERIES["set_watermark"], key)
    return len(hours)


async def touch_changed_bindings(connection: Connection, kinds: Sequence[type[Reading]]) -> None:
    """Mark the hours whose readings are another asset's now, because somebody changed a binding."""
    async with connection.transaction():
        cursor = await connection.execute(_QUERIES["take_binding_changes"])
        changes = await cursor.fetchall()  # the times as text, since they may be infinite
        for kind in kinds if changes else ():
            if has_steps(kind):
                devices, lows, highs = (list(column) for column in zip(*changes, strict=True))
                values = {"kind": kind.kind, "devices": devices, "lows": lows, "highs": highs}
                query = sql.SQL(_QUERIES["touch_bound_hours"]).format(kind=relation(kind.kind))
                await connection.execute(query, values)


async def _find_watermark(connection: Connection, kind: type[Reading]) -> datetime | None:
    row = await (await connection.execute(_QUERIES["find_watermark"], {"kind": kind.kind})).fetchone()
    return None if row is None else row[0]


async def _step_hours(
    connection: Connection, kind: type[Reading], touched: Sequence[datetime], limits: Limits
) -> list[datetime]:
    """The touched hours and those that depend on them: a late reading changes the next one's step, and how long its
    own state lasts.
    """
    until = limits.until
    hours = set(touched)
    for span in spans_of(touched):
        query = next_hours_query(kind, low=span.low, high=span.high, until=until)
        if query is not None and span.high < until:
            hours.update(hour for (hour,) in await (await connection.execute(query)).fetchall())
        if has_spans(kind):
            hours.update(_hours(span.high, min(span.high + HOLD, until)))
    if has_spans(kind):  # a state lasts through hours in which nobody spoke
        hours.update(_hours(limits.since, until))
    return sorted(hours)


async def _buckets(
    connection: Connection, width: Width, hours: Sequence[datetime], limits: Limits, *, with_open: bool
) -> list[Span]:
    """The stretches of buckets to compute, each at most a day of hours or one day.

    Args:
        with_open: the day that still runs, too, since its hours add up to it; a mean of half a day does not go on.
    """
    if width is Width.HOURLY:
        return spans_of(hours)
    values = {"zone": ZONE, "hours": list(hours), "with_open": with_open, **limits._asdict()}
    cursor = await connection.execute(_QUERIES["days"], values)
    return [Span(low, high) for low, high in await cursor.fetchall()]


async def _refresh_parts(connection: Connection, parts: Parts, spans: Iterable[Span]) -> None:
    for span in spans:
        await _delete(connection, parts.stored, span)
        condition = sql.SQL("r.observed_at >= {} AND r.observed_at < {}").format(*map(sql.Literal, span))
        query = parts_query(parts, timescale=False, condition=condition)
        await _insert(connection, parts.stored, part_names(parts), query)


async def _refresh_steps(connection: Connection, kind: type[Reading], width: Width, spans: Iterable[Span]) -> None:
    """Hours from the readings; days from the steps of their hours, which are therefore refreshed before."""
    table = steps_name(kind, width)
    for span in spans:
        low, high = map(sql.Literal, span)
        if width is Width.HOURLY:
            query = hourly_steps(kind, low=low, high=high)
        else:
            query = daily_steps(kind, stored_steps(kind, Width.HOURLY), low=low, high=high)
        await _delete(connection, table, span)
        await _insert(connection, table, step_names(kind), query)


async def _delete(connection: Connection, table: str, span: Span) -> None:
    query = sql.SQL("DELETE FROM {} WHERE bucket >= {} AND bucket < {}")
    await connection.execute(query.format(relation(table), *map(sql.Literal, span)))


async def _insert(connection: Connection, table: str, names: sql.Composed, query: sql.Composed) -> None:
    await connection.execute(sql.SQL("INSERT INTO {} ({}) {}").format(relation(table), names, query))


def spans_of(hours: Sequence[datetime]) -> list[Span]:
    """Consecutive `hours`, which are sorted, as spans of at most a day."""
    spans: list[Span] = []
    for hour in hours:
        if spans and spans[-1].high == hour and hour - spans[-1].low < _SLICE:
            spans[-1] = Span(spans[-1].low, hour + _HOUR)
        else:
            spans.append(Span(hour, hour + _HOUR))
    return spans


def _full_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _hours(low: datetime, high: datetime) -> Iterable[datetime]:
    while low < high:
        yield low
        low += _HOUR
