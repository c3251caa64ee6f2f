"""What must change so that the alerts say what a rule found. Pure: findings and known alerts in, changes out."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from alerts.events import canonical
from alerts.model import AlertState, Disproof, Ended, Finding, Findings

HISTORY_CHANGED = "history_changed"
DISPROVED = "disproved"
CAUSE_GONE = "cause_gone"
SUPERSEDED = "superseded"
BANDS = (50, 80)
"""Confidence below, between and above: low, medium, high."""


class Step(StrEnum):
    """What is done with one alert."""

    OPEN = "open"
    BACKFILL = "backfill"
    """An episode that was over before it was seen."""
    UPDATE = "update"
    """Changed in a way that people should know."""
    REFRESH = "refresh"
    """Changed otherwise: facts, evidence, a small change of confidence."""
    ADOPT = "adopt"
    """Late data moved the begin of an open alert's episode: the alert goes on under its new name."""
    REOPEN = "reopen"
    END = "end"
    CORRECT = "correct"
    """Ended otherwise than was thought."""
    DISPROVE = "disprove"
    """Was over by itself, and never was: later data show it."""


@dataclass(frozen=True, slots=True)
class Known:
    """An alert as it is stored; `outcome` is set when a person closed it."""

    id: int
    number: str
    subject: str
    occurrence: str
    state: AlertState
    outcome: str
    reason: str
    code: str
    codes: tuple[str, ...]
    severity: str
    confidence: int
    badges: tuple[str, ...]
    notifiable: bool
    backfilled: bool
    since: datetime
    opened_at: datetime
    closed_at: datetime | None
    content_digest: str

    @property
    def open(self) -> bool:
        """True until it is resolved or withdrawn."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True)
class Change:
    """One step; `finding` is None when the rule no longer finds the episode, `disproof` when nothing disproves it."""

    step: Step
    finding: Finding | None
    known: Known | None = None
    ended: Ended | None = None
    disproof: Disproof | None = None

    @property
    def subject(self) -> str:
        """The alert's subject."""
        one = self.finding or self.known
        assert one is not None
        return one.subject


_ORDER = (
    Step.ADOPT,
    Step.END,
    Step.CORRECT,
    Step.DISPROVE,
    Step.BACKFILL,
    Step.UPDATE,
    Step.REFRESH,
    Step.REOPEN,
    Step.OPEN,
)


def plan(findings: Findings, known: Sequence[Known], now: datetime) -> list[Change]:
    """The changes, ends first, so that a subject never has two open alerts."""
    current = _current(findings.findings)
    found = [finding for finding in findings.findings if finding.ended or current[finding.subject] is finding]
    by_key = {(one.subject, one.occurrence): one for one in known}
    names = {(finding.subject, finding.occurrence) for finding in found}
    orphans = {one.subject: one for one in known if one.open and (one.subject, one.occurrence) not in names}
    closed = [one for one in known if one.outcome]
    changes: list[Change] = []
    for finding in sorted(found, key=lambda finding: finding.since, reverse=True):
        row = by_key.get((finding.subject, finding.occurrence))
        if row is None and _moved(finding, orphans.get(finding.subject)):
            changes += _adopt(orphans.pop(finding.subject), finding, findings.version)
        elif row is None and any(one.subject == finding.subject and _moved(finding, one) for one in closed):
            continue  # what a person closed stays closed, also under a new name
        elif row is None:
            changes.append(Change(Step.BACKFILL if finding.ended else Step.OPEN, finding, ended=finding.ended))
        else:
            changes += _meet(row, finding, findings.version)
    changes += _absences(orphans.values(), findings, current, now)
    changes += _disproofs(findings.disproved, by_key)
    return sorted(changes, key=lambda change: _ORDER.index(change.step))


def content_digest(finding: Finding, version: str) -> str:
    """SHA-256 of everything that a finding says about its episode, its end excepted."""
    content = {
        "version": version,
        "code": finding.code,
        "codes": list(finding.codes or (finding.code,)),
        "severity": str(finding.severity),
        "confidence": finding.confidence,
        "group": finding.group,
        "notifiable": finding.notifiable,
        "badges": list(finding.badges),
        "since": _iso(finding.since),
        "due_at": _iso(finding.due_at),
        "facts": finding.facts,
        "evidence": finding.evidence,
    }
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def band(confidence: int) -> int:
    """0, 1 or 2: low, medium, high."""
    return sum(confidence >= limit for limit in BANDS)


def _current(findings: Iterable[Finding]) -> Mapping[str, Finding]:
    """The episode of each subject that goes on; of several the latest, because a subject has one open alert."""
    current: dict[str, Finding] = {}
    for finding in findings:
        if finding.ended is None and finding.since >= _since(current.get(finding.subject), finding):
            current[finding.subject] = finding
    return current


def _since(one: Finding | None, other: Finding) -> datetime:
    return other.since if one is None else one.since


def _moved(finding: Finding, orphan: Known | None) -> bool:
    """True when `orphan` is this episode under another name."""
    if orphan is None or finding.since > orphan.opened_at:
        return False
    return finding.ended is None or finding.ended.at >= orphan.opened_at


def _adopt(row: Known, finding: Finding, version: str) -> Iterator[Change]:
    yield Change(Step.ADOPT, finding, row)
    adopted = replace(row, occurrence=finding.occurrence, content_digest=content_digest(finding, version))
    if finding.ended is not None:
        yield Change(Step.END, finding, adopted, finding.ended)


def _meet(row: Known, finding: Finding, version: str) -> Iterator[Change]:
    if row.open:
        if finding.ended is not None:
            yield Change(Step.END, finding, row, finding.ended)
        elif content_digest(finding, version) != row.content_digest:
            yield Change(Step.UPDATE if _told(row, finding) else Step.REFRESH, finding, row)
    elif row.outcome:
        return  # what a person closed stays closed
    elif finding.ended is None:
        yield Change(Step.REOPEN, finding, row)
    elif (row.closed_at, row.reason, row.state) != (finding.ended.at, finding.ended.reason, finding.ended.state):
        yield Change(Step.CORRECT, finding, row, finding.ended)


def _told(row: Known, finding: Finding) -> bool:
    before = (row.code, row.codes, row.severity, row.badges, row.notifiable, band(row.confidence))
    codes = tuple(finding.codes or (finding.code,))
    after = (finding.code, codes, finding.severity, finding.badges, finding.notifiable, band(finding.confidence))
    return before != after


def _absences(
    orphans: Iterable[Known], findings: Findings, current: Mapping[str, Finding], now: datetime
) -> Iterator[Change]:
    """Open alerts that no finding names: their cause is gone, or never was, or lies before the window."""
    for row in orphans:
        if row.subject not in findings.subjects:
            continue
        if row.since >= findings.window_start:
            yield Change(Step.END, None, row, _absent(findings, now))
        elif row.subject in current:
            yield Change(Step.END, None, row, Ended(current[row.subject].since, SUPERSEDED))


def _disproofs(disproved: Iterable[Disproof], known: Mapping[tuple[str, str], Known]) -> Iterator[Change]:
    """Cases that nobody closed and that are still what was looked at."""
    for one in disproved:
        row = known.get((one.subject, one.occurrence))
        if row is None or row.closed_at is None or row.outcome or row.state is not AlertState.RESOLVED:
            continue
        if row.content_digest == one.content:
            ended = Ended(row.closed_at, DISPROVED, AlertState.WITHDRAWN)
            yield Change(Step.DISPROVE, None, row, ended, one)


def _absent(findings: Findings, now: datetime) -> Ended:
    if findings.explains_ends:
        return Ended(now, HISTORY_CHANGED, AlertState.WITHDRAWN)
    return Ended(now, CAUSE_GONE)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def is_late(finding: Finding, now: datetime, limit: timedelta) -> bool:
    """True when the rule was fulfilled so long ago that nobody shall be told (backfill, replay, a long outage)."""
    return now - finding.due_at > limit
