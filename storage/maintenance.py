"""What has to be done now and then: rollups brought up to date, data deleted when their time is over.

`run_maintenance` is one pass, with the clock given to it; whoever calls it every minute or so needs nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from decoders.readings import KINDS, Reading
from storage.database import Connection, try_lock, unlock
from storage.radio import refresh_radio
from storage.refresh import BEGINNING, refresh_kind, touch_changed_bindings
from storage.retention import (
    core_expiries,
    expire,
    kind_expiries,
    radio_expiries,
    radio_span,
    readings_span,
    redecode_expiries,
)
from storage.rollups import parts_of
from storage.settings import RetentionSettings
from storage.statements import load
from storage.timescale import uses_timescale

_QUERIES = load("maintenance")
_LOCK = "maintenance"
_RETENTION_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Maintained:
    """What a pass did. `skipped` means that another process was at it.

    Attributes:
        refreshed: hours computed again, by kind.
        radio_days: days of which the radio network's figures were computed again.
        deleted: rows deleted because of their age, by table.
    """

    skipped: bool = False
    refreshed: Mapping[str, int] = field(default_factory=dict)
    radio_days: int = 0
    deleted: Mapping[str, int] = field(default_factory=dict)


async def run_maintenance(
    connection: Connection,
    retention: RetentionSettings,
    *,
    now: datetime,
    kinds: Sequence[type[Reading]] = KINDS,
) -> Maintained:
    """One pass, on a connection in autocommit with the role `maintenance`; harmless when repeated or interrupted."""
    if not await try_lock(connection, _LOCK):
        return Maintained(skipped=True)
    try:
        await connection.execute(_QUERIES["allow_long_statements"])
        refreshed = {}
        deleted: dict[str, int] = {}
        timescale = await uses_timescale(connection)
        retention_is_due = await _is_due(connection, "retention", now)
        if retention_is_due:
            expiries = (*core_expiries(retention), *redecode_expiries(retention), *radio_expiries(retention))
            deleted |= await expire(connection, expiries, now=now)
        await touch_changed_bindings(connection, kinds)
        for kind in kinds:
            stored = () if timescale else await parts_of(connection, kind)
            kept_since = _kept_since(readings_span(kind, retention), now)
            refreshed[kind.kind] = await refresh_kind(
                connection, kind, stored_parts=stored, now=now, kept_since=kept_since
            )
            if retention_is_due:
                deleted |= await expire(connection, kind_expiries(kind, stored, retention), now=now)
        radio_days = await refresh_radio(connection, now=now, kept_since=_kept_since(radio_span(retention), now))
        if retention_is_due:
            await connection.execute(_QUERIES["record_task"], ("retention", now))
    finally:
        if not connection.closed:
            await unlock(connection, _LOCK)
    return Maintained(refreshed=refreshed, radio_days=radio_days, deleted=deleted)


def _kept_since(span: timedelta | None, now: datetime) -> datetime:
    return BEGINNING if span is None else now - span


async def _is_due(connection: Connection, task: str, now: datetime) -> bool:
    row = await (await connection.execute(_QUERIES["last_run"], (task,))).fetchone()
    return row is None or now - row[0] >= _RETENTION_EVERY
