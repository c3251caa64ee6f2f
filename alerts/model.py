"""The vocabulary of alerts: what a rule finds, what an alert is, and the closed sets both are made of.

A rule is pure: it gets a window of history and `now`, and returns findings. It says everything that is true of the
window, ended episodes included, so that the same history always gives the same alerts, whenever it arrived.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

_NOTHING: Mapping[str, Json] = MappingProxyType({})


class Severity(StrEnum):
    """How urgent: `info` is counted and shown, `warning` wants somebody in working hours, `critical` now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(StrEnum):
    """Where an alert is in its life; the last two are ends."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DISPATCHED = "dispatched"
    ON_SITE = "on_site"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"

    @property
    def ended(self) -> bool:
        """True in the two end states."""
        return self in (AlertState.RESOLVED, AlertState.WITHDRAWN)


class EventKind(StrEnum):
    """What happened to an alert; each is a row in its append-only log."""

    OPENED = "opened"
    UPDATED = "updated"
    """Code, confidence or badges changed in a way that people should know."""
    ACKNOWLEDGED = "acknowledged"
    DISPATCHED = "dispatched"
    ON_SITE = "on_site"
    NOTE = "note"
    CLOSED = "closed"
    """By a person, with an outcome."""
    REOPENED = "reopened"
    """A close that was undone."""
    RESOLVED = "resolved"
    """By itself: the cause is gone."""
    WITHDRAWN = "withdrawn"
    """By itself: the history that supported it has changed; also after it was over by itself."""
    ESCALATED = "escalated"
    RENOTIFIED = "renotified"


class SubjectKind(StrEnum):
    """What an alert is about."""

    BAY = "bay"
    STATION = "station"
    DEVICE = "device"
    GATEWAY = "gateway"
    SOURCE = "source"
    DECODER = "decoder"
    ASSET = "asset"


@dataclass(frozen=True, slots=True)
class Ended:
    """How an episode ended by itself.

    Attributes:
        at: when its cause was gone, in event time.
        reason: a word of the rule's own closed set, such as `drove_away`.
        state: RESOLVED, or WITHDRAWN when later data showed that it should not have been raised.
    """

    at: datetime
    reason: str
    state: AlertState = AlertState.RESOLVED


@dataclass(frozen=True, slots=True)
class Finding:
    """One episode that a rule found.

    Attributes:
        subject: key of the device, asset, gateway, source or decoder.
        occurrence: tells episodes of one subject apart and is the same in every evaluation of the same history.
        code, codes: the rule's own word for what is wrong; `codes` keeps all of an episode, the first one first.
        since: when the cause began, in event time.
        due_at: when the rule was fulfilled; the latency of an alert counts from here.
        confidence: 0-100.
        group: alerts with the same group are told as one (silent devices behind a silent gateway).
        notifiable: false when it is counted but nobody shall be told (outside the hours, low confidence).
        badges: words shown beside it, such as `data_uncertain`.
        facts: what people read (confidence parts, legal end, EVSE status); plain JSON values.
        evidence: what it rests on, copied into the alert: ids and contents of uplinks and statuses, transitions.
    """

    subject: str
    subject_kind: SubjectKind
    occurrence: str
    code: str
    severity: Severity
    since: datetime
    due_at: datetime
    codes: tuple[str, ...] = ()
    confidence: int = 100
    group: str = ""
    notifiable: bool = True
    badges: tuple[str, ...] = ()
    facts: Mapping[str, Json] = field(default_factory=lambda: _NOTHING)
    evidence: Mapping[str, Json] = field(default_factory=lambda: _NOTHING)
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class Disproof:
    """A case that ended by itself and that data which came later disprove.

    Attributes:
        subject, occurrence: name it as its finding did.
        content: the digest of what was looked at; a case that says something else meanwhile stays as it is.
        by: the messages and statuses that it did not know; plain JSON values.
    """

    subject: str
    occurrence: str
    content: str
    by: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Findings:
    """What one evaluation of a rule says.

    Attributes:
        rule, version: the rule's name in the configuration, and a digest of its kind and parameters.
        subjects: every subject that was looked at; an open alert of one of them without a finding is withdrawn when
            the rule explains ends itself (`explains_ends`), else resolved.
        window_start: findings before it are unknown, not absent.
        next_due: the earliest time at which the result can change without new data; None when only data can.
        disproved: what is certain not to have been, though it was found once and ended by itself.
    """

    rule: str
    version: str
    findings: tuple[Finding, ...]
    subjects: frozenset[str]
    window_start: datetime
    explains_ends: bool = False
    next_due: datetime | None = None
    disproved: tuple[Disproof, ...] = ()
