"""Who was not heard for too long. Pure: times at which somebody was heard in, silences out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.model import Ended, Finding, Severity, SubjectKind

HEARD_AGAIN = "heard_again"


@dataclass(frozen=True, slots=True)
class Heard:
    """One was heard at `at` and then at `next_at` (None: not yet); longer than `limit` is a silence."""

    key: str
    name: str
    at: datetime
    limit: timedelta
    next_at: datetime | None = None


def silences(
    heard: Iterable[Heard], now: datetime, *, kind: SubjectKind, code: str, severity: Severity
) -> Iterator[Finding]:
    """The silences that were long enough; those that go on have no end. A repeated entry counts once."""
    for one in {(one.key, one.at): one for one in heard}.values():
        until = now if one.next_at is None else one.next_at
        if until - one.at < one.limit:
            continue
        yield Finding(
            subject=one.key,
            subject_kind=kind,
            occurrence=one.at.isoformat(),
            code=code,
            severity=severity,
            since=one.at,
            due_at=one.at + one.limit,
            facts={"name": one.name, "last_heard": one.at.isoformat(), "limit_seconds": one.limit.total_seconds()},
            evidence={"last_heard": one.at.isoformat()},
            ended=None if one.next_at is None else Ended(one.next_at, HEARD_AGAIN),
        )
