"""Who is told what of a transition. Pure: the alert as it is now, what happened, channels, silences and the time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerts.calendar import Calendar
from alerts.events import EventRow
from alerts.model import EventKind, Json, Severity
from alerts.notify import Channel, Message, OutboxState, key, timed
from alerts.silences import Silence, silent_until

AGE_LIMIT = timedelta(minutes=15)
RENOTIFY = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Policy:
    """How the engine tells people.

    Attributes:
        age_limit: of a rule that was fulfilled longer ago nobody is told: it comes from a backfill or a replay.
        renotify: at least this long after the last message an alert that came back is told again.
    """

    channels: tuple[Channel, ...] = ()
    calendar: Calendar = field(default_factory=Calendar)
    age_limit: timedelta = AGE_LIMIT
    renotify: timedelta = RENOTIFY


@dataclass(frozen=True, slots=True)
class Told:
    """What a channel has got of an alert so far; `held` when all of it waits for the digest."""

    last_at: datetime
    held: bool


@dataclass(frozen=True, slots=True)
class Label:
    """What messages say of an alert."""

    id: int
    number: str
    rule: str
    rule_version: str
    subject: str
    subject_kind: str
    district: str
    asset: str
    asset_name: str
    group: str
    severity: Severity
    code: str
    confidence: int
    state: str
    notifiable: bool
    backfilled: bool
    since: datetime
    due_at: datetime
    opened_at: datetime
    closed_at: datetime | None
    reason: str
    facts: Mapping[str, Json]
    told: Mapping[str, Told] = field(default_factory=dict)

    @property
    def storm_group(self) -> str:
        """What is told together when much happens at once."""
        return self.group or f"{self.rule}/{self.district}"


def messages(
    label: Label, event: EventRow, *, policy: Policy, silences: Sequence[Silence], now: datetime, news: bool = False
) -> Iterator[Message]:
    """What is to be told of `event`.

    Args:
        news: an update that makes the alert worth telling, or more serious.
    """
    if event.kind in (EventKind.RESOLVED, EventKind.WITHDRAWN, EventKind.CLOSED):
        yield from _to_those_who_know(label, event, policy, now)
    elif label.notifiable and not label.backfilled and _worth_telling(label, event, policy, now, news):
        due_at = silent_until(silences, label.rule, [label.subject, label.asset], now)
        escalation = event.kind is EventKind.ESCALATED
        for channel in policy.channels:
            if channel.wants(label.rule, label.severity, escalation=escalation):
                yield timed(_message(label, event, channel.name, due_at), channel, policy.calendar)


def _worth_telling(label: Label, event: EventRow, policy: Policy, now: datetime, news: bool) -> bool:
    if event.kind is EventKind.OPENED:
        return now - label.due_at <= policy.age_limit
    if event.kind is EventKind.UPDATED:
        return news
    if event.kind is EventKind.REOPENED:
        return all(now - told.last_at >= policy.renotify for told in label.told.values())
    return event.kind in (EventKind.ESCALATED, EventKind.RENOTIFIED)


def _to_those_who_know(label: Label, event: EventRow, policy: Policy, now: datetime) -> Iterator[Message]:
    for channel in policy.channels:
        told = label.told.get(channel.name)
        if told is None:
            continue
        message = _message(label, event, channel.name, now)
        if told.held:  # the digest tells both
            yield replace(message, due_at=max(told.last_at, now), state=OutboxState.HELD)
        else:
            yield timed(message, channel, policy.calendar)


def _message(label: Label, event: EventRow, channel: str, due_at: datetime) -> Message:
    return Message(
        key=key(label.number, event.position, channel),
        alert_id=label.id,
        event_id=event.id,
        channel=channel,
        kind=event.kind.value,
        group=label.storm_group,
        body=body(label, event),
        due_at=due_at,
    )


def body(label: Label, event: EventRow) -> Mapping[str, Json]:
    """The facts of a message, plain JSON; its words are the channel's."""
    return {
        "number": label.number,
        "event": event.kind.value,
        "at": event.at.isoformat(),
        "rule": label.rule,
        "subject": label.subject,
        "subject_kind": label.subject_kind,
        "asset": label.asset,
        "name": label.asset_name,
        "district": label.district,
        "code": label.code,
        "severity": label.severity.value,
        "confidence": label.confidence,
        "state": label.state,
        "since": label.since.isoformat(),
        "opened_at": label.opened_at.isoformat(),
        "closed_at": None if label.closed_at is None else label.closed_at.isoformat(),
        "reason": label.reason,
        "facts": label.facts,
    }
