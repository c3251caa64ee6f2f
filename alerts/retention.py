"""Cases end as counts, names as commitments: what is deleted of alerts when, with a record of every deletion.

A month is counted before the first of its cases or messages is deleted. Erasing a name leaves the hash chain of its
case valid: the chain holds a salted digest, and the salt goes, too.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.types.json import Jsonb

from alerts.statistics.calendar import Month
from alerts.statistics.days import keep_days
from alerts.statistics.loading import CODES, QUERIES, Asking, counted_sites, to_keep
from decoders.readings import ParkingBay
from storage.database import Connection, try_lock, unlock
from storage.retention import readings_span
from storage.settings import RetentionSettings
from storage.statements import load

_log = logging.getLogger(__name__)
_MAINTENANCE: Final = load("maintenance")
_LOCK: Final = "cases"
_TASK: Final = "cases"
_EVERY: Final = timedelta(hours=1)
_DAYS_WITHIN: Final = timedelta(days=125)
"""Days are counted this far back: four months, as a report needs."""
_DAYS_AT_ONCE: Final = 7
"""So many in a pass: what is behind, after an update, catches up in the background."""
_AHEAD: Final = timedelta(days=1)
"""So long before its first case or message is deleted a month is counted."""


@dataclass(frozen=True, slots=True)
class Expired:
    """What a pass did. `skipped`: it was not due, or another process was at it.

    Attributes:
        kept: months that are kept as counts from now on.
        deleted: rows deleted, or robbed of a name, by what they were.
    """

    skipped: bool = False
    kept: tuple[Month, ...] = ()
    deleted: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class _Deletion:
    """`statement` on `table`: everything from before `before`."""

    statement: str
    table: str
    before: datetime


async def expire_cases(
    connection: Connection, retention: RetentionSettings, *, now: datetime, asking: Asking
) -> Expired:
    """One pass, on a connection in autocommit with the role `maintenance`; harmless when repeated or interrupted.

    Run it before `storage.maintenance.run_maintenance`, which deletes messages of bays.
    """
    if not await _is_due(connection, now) or not await try_lock(connection, _LOCK):
        return Expired(skipped=True)
    try:
        await connection.execute(_MAINTENANCE["allow_long_statements"])
        kept = await _keep_months(connection, retention, now, asking)
        days = await keep_days(connection, asking.how, now=now, within=_DAYS_WITHIN, most=_DAYS_AT_ONCE)
        if days:
            _log.info("days_counted days=%d", days)
        deleted = {one.table: await _delete(connection, one, now) for one in _deletions(retention, now)}
        await connection.execute(_MAINTENANCE["record_task"], (_TASK, now))
    finally:
        if not connection.closed:
            await unlock(connection, _LOCK)
    return Expired(kept=kept, deleted={table: count for table, count in deleted.items() if count})


async def _keep_months(
    connection: Connection, retention: RetentionSettings, now: datetime, asking: Asking
) -> tuple[Month, ...]:
    """Count the months of which something is about to be deleted."""
    spans = (retention.span("cases"), retention.span("uplink"), readings_span(ParkingBay, retention))
    shortest = min((span for span in spans if span is not None), default=None)
    if shortest is None:
        return ()
    values = {"before": now - shortest + _AHEAD, "zone": asking.zone.key, "codes": CODES}
    rows = await (await connection.execute(QUERIES["unkept_months"], values)).fetchall()
    months = tuple(Month(first.year, first.month) for (first,) in rows)
    return tuple([month for month in months if await _keep(connection, month, now, asking)])


async def _keep(connection: Connection, month: Month, now: datetime, asking: Asking) -> bool:
    if now < month.span(asking.zone).end:  # somebody keeps cases for less than a month: what is left of it is counted
        return False
    sites = await counted_sites(connection, month, now, asking)
    values = {
        "month": month.first,
        "now": now,
        "sites": [site.key for site in sites],
        "names": [site.name for site in sites],
        "districts": [site.district for site in sites],
        "figures": [Jsonb(to_keep(site)) for site in sites],
    }
    count = (await connection.execute(QUERIES["keep_figures"], values)).rowcount
    _log.info("month_kept month=%s sites=%d", month, count)
    return count > 0


def _deletions(retention: RetentionSettings, now: datetime) -> Iterator[_Deletion]:
    cases, bay_events, names = retention.span("cases"), retention.span("bay_events"), retention.span("names")
    if cases is not None:
        yield _Deletion("delete_cases", "alert", now - cases)
    if bay_events is not None:
        yield _Deletion("delete_days", "parking_day", now - bay_events)
        yield _Deletion("delete_statuses", "evse_status", now - bay_events)
        yield _Deletion("delete_bay_payloads", "payload_public", now - bay_events)
        yield _Deletion("delete_contacts", "evse_contact", now - bay_events)
    assert names is not None
    yield _Deletion("forget_actors", "alert_event.actor", now - names)
    yield _Deletion("forget_assignees", "alert.assignee", now - names)
    yield _Deletion("forget_silencers", "silence.created_by", now - names)
    yield _Deletion("forget_recipients", "notification.delivered", now - names)
    yield _Deletion("delete_actions", "portal_action", now - names)
    yield _Deletion("delete_audit", "audit_log", now - names)


async def _delete(connection: Connection, one: _Deletion, now: datetime) -> int:
    async with connection.transaction():
        count = (await connection.execute(QUERIES[one.statement], {"before": one.before})).rowcount
        if count:
            await connection.execute(_MAINTENANCE["record_retention"], (one.table, one.before, count, now))
            _log.info("retention_deleted table=%s rows=%d cutoff=%s", one.table, count, one.before.isoformat())
    return count


async def _is_due(connection: Connection, now: datetime) -> bool:
    row = await (await connection.execute(_MAINTENANCE["last_run"], (_TASK,))).fetchone()
    return row is None or now - row[0] >= _EVERY
