"""When each rule has its turn: woken by data at its own pace, by its timer, and at least once a minute."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.calendar import ALWAYS, Calendar, Hours
from alerts.model import Finding, Findings
from alerts.rules import Rule
from alerts.spans import Span

LONGEST = timedelta(seconds=60)
"""A rule is evaluated at least so often, and nothing sleeps longer: a clock that jumps costs no more."""
SHORTEST = timedelta(milliseconds=20)
IDLE_SHARE = 3
"""A rule that is woken all the time rests three times as long as its turns take."""
AFTER_FAILURE = timedelta(seconds=30)


@dataclass(slots=True)
class Turn:
    """One rule and when it is due."""

    rule: Rule
    make: Callable[[], Rule]
    hours: tuple[Hours, ...] = ALWAYS
    began_at: datetime | None = None
    woken_at: datetime | None = None
    called_at: datetime | None = None
    took: timedelta = timedelta(0)
    timer: datetime | None = None
    not_before: datetime | None = None

    def wake(self, names: Collection[str], now: datetime) -> None:
        """New rows of these kinds and tables are there."""
        if not self.rule.wakes.isdisjoint(names):
            self.woken_at = self.woken_at or now

    def due_at(self) -> datetime | None:
        """When its turn is; None: at once."""
        if self.began_at is None:
            return None
        times = [self.began_at + LONGEST]
        if self.woken_at is not None:
            times.append(self.began_at + max(self.rule.pace, IDLE_SHARE * self.took))
        if self.timer is not None:
            times.append(max(self.timer, self.began_at + SHORTEST))
        return min(times) if self.not_before is None else max(min(times), self.not_before)

    def begin(self, now: datetime) -> None:
        """Its turn begins: what wakes it from here on is for the next one."""
        self.called_at = min((at for at in (self.woken_at, self.timer) if at is not None and at <= now), default=None)
        self.began_at, self.woken_at, self.timer, self.not_before = now, None, None, None

    def done(self, now: datetime, next_due: datetime | None) -> None:
        """Its turn ended well; `next_due` is when its result can change without new data."""
        assert self.began_at is not None
        self.took, self.timer = now - self.began_at, next_due

    def failed(self, now: datetime) -> None:
        """Try again after a while, with the rule made anew: what it remembers was not committed."""
        self.rule, self.woken_at, self.not_before = self.make(), now, now + AFTER_FAILURE


def due(turns: Sequence[Turn], now: datetime) -> list[Turn]:
    """Those whose turn it is, in their order."""
    return [turn for turn in turns if (at := turn.due_at()) is None or at <= now]


def pause(turns: Sequence[Turn], now: datetime) -> timedelta:
    """How long nothing is due; at most `LONGEST`."""
    times = [turn.due_at() or now for turn in turns]
    return max(SHORTEST, min([at - now for at in times] + [LONGEST]))


def scheduled(findings: Findings, hours: Sequence[Hours], calendar: Calendar, now: datetime) -> Findings:
    """The findings of a rule that tells people only in its hours: silent until such an hour comes.

    Once told, an alert stays told: what counts is whether any of its time since it was due lies in the hours.
    """
    if all(one.always for one in hours):
        return findings
    told = tuple(_in_hours(finding, hours, calendar, now) for finding in findings.findings)
    nexts = [span.start for span in calendar.spans(hours, Span(now, now + timedelta(days=1))) if span.start > now]
    timers = [at for at in (findings.next_due, min(nexts, default=None)) if at is not None]
    return replace(findings, findings=told, next_due=min(timers, default=None))


def _in_hours(finding: Finding, hours: Sequence[Hours], calendar: Calendar, now: datetime) -> Finding:
    if finding.ended is not None or not finding.notifiable:
        return finding
    until = max(now, finding.due_at) + timedelta(microseconds=1)
    return replace(finding, notifiable=bool(calendar.spans(hours, Span(finding.due_at, until))))
