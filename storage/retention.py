"""Deletes what is older than its retention allows, exactly to the moment and with a record of every deletion.

On TimescaleDB policies drop whole chunks before; what the edge of a chunk leaves, and everything on plain
PostgreSQL, is deleted here.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import sql

from decoders.readings import ParkingBay, Reading
from decoders.uplink import Privacy
from storage.buckets import Width
from storage.database import Connection
from storage.rollup_parts import Parts, relation
from storage.rollup_steps import has_steps, steps_name
from storage.settings import RetentionSettings
from storage.statements import load

_log = logging.getLogger(__name__)
_QUERIES = load("maintenance")

_LATE_KEPT = timedelta(days=366)
"""The log of late hours is emptied by the alert engine; where none runs, it goes with the readings, or after a year."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """Rows of `table` go when `time` is older than `span`; None keeps them."""

    table: str
    time: str
    span: timedelta | None


def core_expiries(retention: RetentionSettings) -> tuple[Expiry, ...]:
    """What is not made of readings."""
    return (
        Expiry("payload_public", "ns_time", retention.span("payload_public")),
        Expiry("payload_household", "ns_time", retention.span("payload_household")),
        Expiry("rejected", "received_at", retention.span("rejected")),
        Expiry("uplink", "ns_time", retention.span("uplink")),
        Expiry("reception", "ns_time", retention.span("reception")),
        Expiry("device_event", "occurred_at", retention.span("device_event")),
        Expiry("gateway_stats", "occurred_at", retention.span("gateway_stats")),
        Expiry("late_reading", "hour", readings_span(ParkingBay, retention) or _LATE_KEPT),
    )


def radio_span(retention: RetentionSettings) -> timedelta | None:
    """How long everything is kept of which the radio network's figures are made."""
    spans = [retention.span(name) for name in ("uplink", "reception", "gateway_stats")]
    return min((span for span in spans if span is not None), default=None)


def radio_expiries(retention: RetentionSettings) -> tuple[Expiry, ...]:
    """The radio network's figures: those of single devices go with their uplinks."""
    hourly = ("radio_hourly", "radio_margin_hourly", "radio_gateway_hourly", "radio_report_hourly")
    daily = ("radio_device_daily", "radio_link_daily")
    return (
        *(Expiry(table, "bucket", retention.span("rollups")) for table in hourly),
        *(Expiry(table, "bucket", retention.span("uplink")) for table in daily),
    )


def readings_span(kind: type[Reading], retention: RetentionSettings) -> timedelta | None:
    """How long the kind's readings are kept; a bay's tell who stood where, so they have a shorter time of their own."""
    span = retention.span("readings_household" if kind.privacy is Privacy.HOUSEHOLD else "readings")
    own = retention.span("bay_events") if kind is ParkingBay else None
    return min((one for one in (span, own) if one is not None), default=None)


def rollups_span(kind: type[Reading], retention: RetentionSettings) -> timedelta | None:
    """How long the kind's hourly and daily values are kept."""
    return retention.span("rollups_household" if kind.privacy is Privacy.HOUSEHOLD else "rollups")


def kind_expiries(
    kind: type[Reading], stored_parts: Iterable[Parts], retention: RetentionSettings
) -> tuple[Expiry, ...]:
    """The kind's readings and stored rollups."""
    span = rollups_span(kind, retention)
    steps = [Expiry(steps_name(kind, width), "bucket", span) for width in Width] if has_steps(kind) else []
    parts = [Expiry(parts.stored, "bucket", span) for parts in stored_parts]
    return (Expiry(kind.kind, "observed_at", readings_span(kind, retention)), *parts, *steps)


def redecode_expiries(retention: RetentionSettings) -> tuple[Expiry, ...]:
    """What runs of re-decoding replaced: kept as long as what it stands for, and as an undo is possible."""
    archives = ("redecode_public", "redecode_household", "redecode_uplink", "redecode_rejected")
    return (
        Expiry("redecode_public", "observed_at", retention.span("readings")),
        Expiry("redecode_household", "observed_at", retention.span("readings_household")),
        *(Expiry(table, "archived_at", retention.span("redecode")) for table in archives),
    )


async def expire(connection: Connection, expiries: Sequence[Expiry], *, now: datetime) -> dict[str, int]:
    """Delete what is too old at `now`; returns the number of rows by table, tables without any left out."""
    deleted: dict[str, int] = {}
    for expiry in expiries:
        if expiry.span is not None:
            count = await _expire(connection, expiry, now - expiry.span, now)
            if count:
                deleted[expiry.table] = deleted.get(expiry.table, 0) + count
    return deleted


async def _expire(connection: Connection, expiry: Expiry, cutoff: datetime, now: datetime) -> int:
    query = sql.SQL("DELETE FROM {} WHERE {} < %s").format(relation(expiry.table), sql.Identifier(expiry.time))
    async with connection.transaction():
        count = (await connection.execute(query, (cutoff,))).rowcount
        await record_deletion(connection, expiry.table, cutoff, count, now)
    return count


async def record_deletion(connection: Connection, table: str, cutoff: datetime, count: int, now: datetime) -> None:
    """Prove that `count` rows are gone, in the transaction that deleted them; nothing to prove of none."""
    if count:
        await connection.execute(_QUERIES["record_retention"], (table, cutoff, count, now))
        _log.info("retention_deleted table=%s rows=%d cutoff=%s", table, count, cutoff.isoformat())
