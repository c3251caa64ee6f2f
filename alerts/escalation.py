"""Alerts that nobody acknowledged in time: those who stand behind are told, and everybody is told again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.calendar import Calendar, Hours
from alerts.events import NewEvent, append_all
from alerts.model import EventKind
from alerts.notify import enqueue
from alerts.policy import Policy, messages
from alerts.reconcile import describe
from alerts.silences import silent_until, unended
from alerts.spans import Span
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alerts")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a rule's alerts may wait, counted in its hours alone."""

    hours: tuple[Hours, ...]
    escalate_after: timedelta | None = None
    repeat_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open alert that nobody has acknowledged."""

    id: int
    rule: str
    opened_at: datetime
    escalated_at: datetime | None
    told_at: datetime | None


def overdue(
    waiting: Sequence[Waiting], patience: Mapping[str, Patience], calendar: Calendar, now: datetime
) -> Iterator[NewEvent]:
    """The events that are due. Pure."""
    for one in waiting:
        rule = patience.get(one.rule)
        if rule is None:
            continue
        if one.escalated_at is None and _passed(rule.escalate_after, rule.hours, calendar, one.opened_at, now):
            yield NewEvent(one.id, EventKind.ESCALATED, now, reason="not_acknowledged")
        if one.told_at is not None and _passed(rule.repeat_after, rule.hours, calendar, one.told_at, now):
            yield NewEvent(one.id, EventKind.RENOTIFIED, now, reason="not_acknowledged")


async def escalate(connection: Connection, patience: Mapping[str, Patience], policy: Policy, now: datetime) -> int:
    """Append what is due and tell the channels; returns how many events."""
    if not any(one.escalate_after or one.repeat_after for one in patience.values()):
        return 0
    async with connection.transaction():
        cursor = await connection.execute(_QUERIES["unacknowledged"], (list(patience),))
        waiting = [Waiting(*row) for row in await cursor.fetchall()]
        events = list(overdue(waiting, patience, policy.calendar, now))
        if not events:
            return 0
        labels = await describe(connection, [event.alert_id for event in events])
        silences = await unended(connection, now)
        audible = [
            event
            for event in events
            if silent_until(silences, (label := labels[event.alert_id]).rule, [label.subject, label.asset], now) == now
        ]
        rows = await append_all(connection, audible)
        found = [
            message
            for row in rows
            for message in messages(labels[row.alert_id], row, policy=policy, silences=silences, now=now)
        ]
        await enqueue(connection, found, now)
    return len(rows)


def _passed(
    limit: timedelta | None, hours: Sequence[Hours], calendar: Calendar, since: datetime, now: datetime
) -> bool:
    if limit is None or now - since < limit:
        return False
    spans = calendar.spans(hours, Span(since, now))
    return sum((span.length for span in spans), timedelta(0)) >= limit
