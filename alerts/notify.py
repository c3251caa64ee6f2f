"""Messages about alerts, written into the outbox in the transaction of the transition that they tell about.

One row for each channel and transition, with the same key however often it is written. Of one group (a rule in a
district, or what a finding names) a channel gets at most one message in `STORM_WINDOW`: what comes meanwhile is
collected in a summary, and the single rows only say that they were told by it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from psycopg.types.json import Jsonb

from alerts.calendar import Calendar, Hours
from alerts.model import Json, Severity
from alerts.spans import Span
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alerts")

STORM_WINDOW = timedelta(minutes=1)
SUMMARY = "summary"
_ENTRIES = 100
"""A summary names so many alerts and counts the others."""
_LONGEST_PAUSE = timedelta(days=8)
"""A shift that does not begin within this time never does."""


class OutboxState(StrEnum):
    """PENDING is sent when it is due; HELD waits for the digest at the begin of the shift."""

    PENDING = "pending"
    HELD = "held"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Channel:
    """Who is told what, when.

    Attributes:
        rules: names of the rules; empty: all.
        shift: when messages are sent; outside they are held. Empty: always.
        escalation: gets only alerts that nobody acknowledged in time.
        grouped: at most one message of a group in `STORM_WINDOW`; false: each message for itself, for machines.
    """

    name: str
    min_severity: Severity = Severity.INFO
    rules: frozenset[str] = frozenset()
    shift: tuple[Hours, ...] = ()
    escalation: bool = False
    grouped: bool = True

    def wants(self, rule: str, severity: Severity, *, escalation: bool) -> bool:
        """True when this channel is to be told."""
        order = list(Severity)
        serious = order.index(severity) >= order.index(self.min_severity)
        return serious and self.escalation is escalation and (not self.rules or rule in self.rules)


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel is told about one event of one alert.

    Attributes:
        key: the same for the same event and channel, whoever writes it.
        body: plain facts; wording is the channel's.
        due_at: when it may be sent; after the end of a silence, at the begin of the shift when it is held.
    """

    key: str
    alert_id: int
    event_id: int
    channel: str
    kind: str
    group: str
    body: Mapping[str, Json]
    due_at: datetime
    state: OutboxState = OutboxState.PENDING
    grouped: bool = True


@dataclass(frozen=True, slots=True)
class Slot:
    """The last message of a group to a channel; `summary` is its key while it can still take more in."""

    due_at: datetime
    summary: str = ""


SlotKey = tuple[str, str, datetime]
"""Channel, group, and the time at which a message is due."""


@dataclass(slots=True)
class Arranged:
    """Rows to write: as they are, new summaries, and what existing summaries take in."""

    rows: list[Message] = field(default_factory=list)
    summaries: list[Message] = field(default_factory=list)
    additions: dict[str, list[Message]] = field(default_factory=dict)


def key(number: str, position: int, channel: str) -> str:
    """The idempotency key of a message."""
    return f"{number}/{position}/{channel}"


def timed(message: Message, channel: Channel, calendar: Calendar) -> Message:
    """The message as the channel wants it, held until the next shift when it has none at its time."""
    message = replace(message, grouped=channel.grouped)
    if not channel.shift or calendar.covers(channel.shift, message.due_at):
        return message
    return replace(message, state=OutboxState.HELD, due_at=next_shift(channel.shift, calendar, message.due_at))


def next_shift(shift: Sequence[Hours], calendar: Calendar, at: datetime) -> datetime:
    """When the next shift begins; far away when none does."""
    within = Span(at, at + _LONGEST_PAUSE)
    return next((span.start for span in calendar.spans(shift, within) if span.start >= at), within.end)


def entry(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """What a summary or digest says of one message."""
    names = ("number", "event", "rule", "subject", "name", "code", "severity", "since", "district", "asset")
    return {name: body[name] for name in names if name in body}


async def enqueue(connection: Connection, messages: Sequence[Message], now: datetime) -> int:
    """Write messages in the caller's transaction, never one twice; returns how many will be sent."""
    if not messages:
        return 0
    arranged = arrange(messages, await _slots(connection, messages, now))
    await _insert(connection, [*arranged.summaries, *arranged.rows])
    for summary, members in arranged.additions.items():
        values = {
            "key": summary,
            "entries": Jsonb([entry(one.body) for one in members[:_ENTRIES]]),
            "count": len(members),
            "most": _ENTRIES,
        }
        await connection.execute(_QUERIES["extend_summary"], values)
    pending = [one for one in arranged.rows if one.state is OutboxState.PENDING]
    return len(pending) + len(arranged.summaries)


async def _slots(connection: Connection, messages: Sequence[Message], now: datetime) -> dict[SlotKey, Slot]:
    """What was written to a group around the times at which messages are due.

    Messages that wait for the end of a silence are due at another time than those that do not, and hold none up.
    """
    due_at = sorted({one.due_at for one in messages if one.state is OutboxState.PENDING and one.grouped})
    cursor = await connection.execute(_QUERIES["last_slots"], {"due_at": due_at, "window": STORM_WINDOW, "now": now})
    rows = await cursor.fetchall()
    cursor = await connection.execute(_QUERIES["lock_summaries"], ([row[4] for row in rows if row[4]],))
    unsent = {row[0] for row in await cursor.fetchall()}
    return {
        (channel, group, due): Slot(at, summary if summary in unsent else "")
        for channel, group, due, at, summary in rows
    }


def arrange(messages: Sequence[Message], slots: Mapping[SlotKey, Slot]) -> Arranged:
    """At most one message of a group and channel in each storm window. Pure."""
    result = Arranged()
    together = [one for one in messages if one.state is OutboxState.PENDING and one.grouped]
    result.rows += [one for one in messages if one.state is not OutboxState.PENDING or not one.grouped]
    for (channel, group, due_at), several in groupby(sorted(together, key=_storm_key), key=_storm_key):
        _arrange_group(result, list(several), slots.get((channel, group, due_at)), due_at)
    return result


def _storm_key(message: Message) -> tuple[str, str, datetime]:
    return message.channel, message.group, message.due_at


def _arrange_group(result: Arranged, members: list[Message], slot: Slot | None, due_at: datetime) -> None:
    free_at = due_at if slot is None else max(due_at, slot.due_at + STORM_WINDOW)
    if slot is not None and slot.summary and slot.due_at >= due_at:
        result.additions.setdefault(slot.summary, []).extend(members)
        result.rows += _told_by(members, slot.summary)
    elif len(members) == 1 and free_at == due_at:
        result.rows += members
    else:
        summary = _summary(members, free_at)
        result.summaries.append(summary)
        result.rows += _told_by(members, summary.key)


def _told_by(members: Iterable[Message], summary: str) -> Iterator[Message]:
    for one in members:
        yield replace(one, state=OutboxState.SENT, body={**one.body, SUMMARY: summary})


def _summary(members: Sequence[Message], due_at: datetime) -> Message:
    first = members[0]
    body: dict[str, Json] = {
        "group": first.group,
        "count": len(members),
        "entries": [entry(one.body) for one in members[:_ENTRIES]],
    }
    return replace(first, key=f"{first.key}/{SUMMARY}", alert_id=0, event_id=0, kind=SUMMARY, body=body, due_at=due_at)


async def _insert(connection: Connection, rows: Sequence[Message]) -> None:
    columns = (
        [one.key for one in rows],
        [one.alert_id or None for one in rows],
        [one.event_id or None for one in rows],
        [one.channel for one in rows],
        [one.kind for one in rows],
        [Jsonb({**one.body, "group": one.group}) for one in rows],
        [one.state.value for one in rows],
        [one.due_at for one in rows],
    )
    await connection.execute(_QUERIES["insert_notifications"], columns)
