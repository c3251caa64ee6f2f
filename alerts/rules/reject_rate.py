"""Rule `reject_rate`: too large a share of a source's or decoder's messages was refused."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from alerts.durations import Duration
from alerts.model import Ended, Finding, Findings, Json, SubjectKind
from alerts.rules.episodes import Episode, Level, Mark, Timing, episodes
from alerts.rules.marks import BACK_TO_NORMAL
from alerts.rules.settings import GradedSettings
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alert_rules")
_BUCKETS = 12
"""A window is so many buckets; a rate is judged when one is complete."""


class RejectRateSettings(GradedSettings):
    """Whose messages, and which share is too large."""

    kind: Literal["reject_rate"] = Field(description="`reject_rate`: too many messages were refused")
    of: Literal["source", "decoder"] = Field(default="source", description="whose messages are counted together")
    share: float = Field(default=0.1, gt=0, le=1, description="bad from this share of refused messages on")
    clear: float = Field(default=0.05, ge=0, le=1, description="good again below this share")
    at_least: int = Field(default=20, ge=1, description="fewer refused messages in the window are no alert")
    window: Duration = Field(
        default=timedelta(hours=1),
        ge=timedelta(minutes=1),
        le=timedelta(days=1),
        description="over which it is counted",
    )

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.clear > self.share:
            raise ValueError("clear: expected a value of at most `share`")
        return self

    @property
    def bucket(self) -> timedelta:
        """The width of a bucket, in whole seconds."""
        return timedelta(seconds=max(1, round(self.window.total_seconds() / _BUCKETS)))


@dataclass(frozen=True, slots=True)
class Tally:
    """What came in one bucket: understood, and refused by reason."""

    good: int = 0
    refused: Mapping[str, int] | None = None

    def plus(self, reason: str, count: int) -> "Tally":
        """With `count` more; the empty reason is for what was understood."""
        if not reason:
            return Tally(self.good + count, self.refused)
        before = dict(self.refused or {})
        return Tally(self.good, before | {reason: before.get(reason, 0) + count})


class RejectRate:
    """The rule."""

    wakes: frozenset[str] = frozenset()

    def __init__(self, name: str, settings: RejectRateSettings) -> None:
        self.name = name
        self.version = settings.version
        self.pace = settings.bucket
        self._settings = settings

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """See `Rule`."""
        width = self._settings.bucket.total_seconds()
        last = int(now.timestamp() // width)
        first = int(((now if since is None else since) - 2 * self._settings.window).timestamp() // width)
        values = {"width": width, "start": _moment(first, width), "now": _moment(last, width)}
        cursor = await connection.execute(_QUERIES[f"refusals_by_{self._settings.of}"], values)
        tallies: dict[str, dict[int, Tally]] = {}
        for key, bucket, reason, count in await cursor.fetchall():
            buckets = tallies.setdefault(key, {})
            buckets[bucket] = buckets.get(bucket, Tally()).plus(reason, count)
        told = {} if since is not None else await self._told(connection)
        start = _moment(first + _BUCKETS, width)
        found = []
        for key in tallies.keys() | told.keys():
            began = told.get(key)
            known = began if began is not None and began < start else None
            found += rates(key, tallies.get(key, {}), range(first, last), self._settings, active_since=known)
        kept = [one for one in found if since is None or one.ended is None or one.ended.at > since]
        subjects = frozenset(tallies.keys() | told.keys())
        return Findings(self.name, self.version, tuple(kept), subjects, start, next_due=_moment(last + 1, width))

    async def _told(self, connection: Connection) -> dict[str, datetime]:
        return dict(await (await connection.execute(_QUERIES["open_since"], (self.name,))).fetchall())


def rates(
    key: str,
    tallies: Mapping[int, Tally],
    buckets: range,
    settings: RejectRateSettings,
    *,
    active_since: datetime | None = None,
) -> list[Finding]:
    """Episodes in which the share over a window was too large. Pure.

    Args:
        buckets: numbers of the complete buckets; a window needs `_BUCKETS` of them.
    """
    width = settings.bucket.total_seconds()
    windows = [
        (_moment(last + 1, width), _total(tallies.get(number) for number in range(last + 1 - _BUCKETS, last + 1)))
        for last in buckets[_BUCKETS - 1 :]
    ]
    if not windows:
        return []
    shares = {at: _share(total) for at, total in windows}
    totals = dict(windows)
    marks = [Mark(at, _level(total, settings), shares[at]) for at, total in windows]
    timing = Timing(timedelta(0), settings.window)
    found, _ = episodes(marks, timing, windows[-1][0], active_since=active_since)
    return [_finding(key, episode, totals.get(episode.last_at, Tally()), settings) for episode in found]


def _total(tallies: Iterable[Tally | None]) -> Tally:
    total = Tally()
    for one in tallies:
        if one is not None:
            total = Tally(total.good + one.good, total.refused)
            for reason, count in (one.refused or {}).items():
                total = total.plus(reason, count)
    return total


def _share(total: Tally) -> float:
    refused = sum((total.refused or {}).values())
    return refused / (refused + total.good) if refused else 0.0


def _level(total: Tally, settings: RejectRateSettings) -> Level:
    share = _share(total)
    if share >= settings.share and sum((total.refused or {}).values()) >= settings.at_least:
        return Level.BAD
    return Level.CLEAR if share < settings.clear or share == 0 else Level.BETWEEN


def _finding(key: str, episode: Episode, total: Tally, settings: RejectRateSettings) -> Finding:
    facts = dict(_facts(total, settings))
    return Finding(
        subject=key,
        subject_kind=SubjectKind(settings.of),
        occurrence=episode.since.isoformat(),
        code="REJECT_RATE",
        severity=settings.severity,
        since=episode.since,
        due_at=episode.due_at,
        facts=facts,
        evidence={**facts, "until": episode.last_at.isoformat()},
        ended=None if episode.ended_at is None else Ended(episode.ended_at, BACK_TO_NORMAL),
    )


def _facts(total: Tally, settings: RejectRateSettings) -> Iterator[tuple[str, Json]]:
    reasons = sorted((total.refused or {}).items(), key=lambda entry: (-entry[1], entry[0]))
    yield "share", round(_share(total), 4)
    yield "refused", sum(count for _, count in reasons)
    yield "understood", total.good
    yield "reasons", dict(reasons[:5])
    yield "window_seconds", settings.window.total_seconds()


def _moment(bucket: int, width: float) -> datetime:
    return datetime.fromtimestamp(bucket * width, UTC)
