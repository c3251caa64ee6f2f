"""Dwell and hysteresis: from marks in time to episodes. Pure.

A value that is bad begins an episode, one that is clear ends it, one in between lets it go on. The rule is fulfilled
when the episode has lasted for the dwell time, as far as values are believed: each for `stale_after`, no longer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import takewhile


class Level(IntEnum):
    """What a value means for a rule."""

    CLEAR = -1
    BETWEEN = 0
    BAD = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """One value at its time."""

    at: datetime
    level: Level
    value: float


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which something was wrong for the dwell time at least; `ended_at` None: it goes on."""

    since: datetime
    due_at: datetime
    first: float | None
    last: float | None
    last_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """How long it must last, and how long a value is believed."""

    dwell: timedelta
    stale_after: timedelta


def episodes(
    marks: Iterable[Mark], timing: Timing, now: datetime, *, active_since: datetime | None = None
) -> tuple[list[Episode], datetime | None]:
    """The episodes of one subject, and when the one that has begun will be due without new data.

    Args:
        marks: in order of time.
        active_since: an episode that was going on before the first mark.
    """
    track = _Track(timing)
    if active_since is not None:
        track.begin(Episode(active_since, active_since + timing.dwell, None, None, active_since), known=True)
    closed = [track.feed(mark) for mark in takewhile(lambda mark: mark.at <= now, marks)]
    found = [episode for episode in closed if episode is not None]
    current = track.current
    if current is None:
        return found, None
    if track.known or _fulfilled(current, timing, now):
        return [*found, current], None
    due = current.due_at if now < current.due_at <= current.last_at + timing.stale_after else None
    return found, due


class _Track:
    """The episode that goes on, and whether it is known to have lasted long enough."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self.current: Episode | None = None
        self.known = False

    def begin(self, episode: Episode | None, *, known: bool = False) -> None:
        """Another episode, or none."""
        self.current, self.known = episode, known

    def feed(self, mark: Mark) -> Episode | None:
        """Take the next mark in; returns the episode that it ends."""
        self._believe(mark.at)
        ended = None
        if mark.level is Level.CLEAR:
            if self.current is not None and self.known:
                ended = replace(self.current, ended_at=mark.at)
            self.begin(None)
        elif self.current is not None:
            first = mark.value if self.current.first is None else self.current.first
            self.current = replace(self.current, last=mark.value, last_at=mark.at, first=first)
        elif mark.level is Level.BAD:
            self.begin(Episode(mark.at, mark.at + self._timing.dwell, mark.value, mark.value, mark.at))
        return ended

    def _believe(self, until: datetime) -> None:
        """What is known once is not taken back because values are missing; what is not known by then is dropped."""
        if self.current is None or self.known:
            return
        self.known = self.current.due_at < until and _fulfilled(self.current, self._timing, until)
        if not self.known and until > self.current.last_at + self._timing.stale_after:
            self.begin(None)


def _fulfilled(episode: Episode, timing: Timing, until: datetime) -> bool:
    return episode.due_at <= min(until, episode.last_at + timing.stale_after)
