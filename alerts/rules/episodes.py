"""Dwell and hysteresis: from marks in time to episodes. Pure.

A value that is bad begins an episode, one that is clear ends it, one in between lets it go on. The rule is fulfilled
when the episode has lasted for the dwell time, as far as values are believed: each for `stale_after`, no longer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum


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
    found: list[Episode] = []
    current = None if active_since is None else Episode(active_since, active_since, None, None, active_since)
    known = active_since is not None  # what is told once is not taken back because values are missing
    for mark in marks:
        if mark.at > now:
            break
        if current is not None and not known:
            known = _fulfilled(current, timing, mark.at)
            if not known and mark.at > current.last_at + timing.stale_after:
                current = None
        if mark.level is Level.CLEAR:
            found += _closed(current, mark, known)
            current, known = None, False
        elif current is not None:
            current = replace(current, last=mark.value, last_at=mark.at, first=_first(current, mark))
        elif mark.level is Level.BAD:
            current = Episode(mark.at, mark.at + timing.dwell, mark.value, mark.value, mark.at)
    if current is None:
        return found, None
    if known or _fulfilled(current, timing, now):
        return [*found, current], None
    due = current.due_at if now < current.due_at <= current.last_at + timing.stale_after else None
    return found, due


def _fulfilled(episode: Episode, timing: Timing, until: datetime) -> bool:
    return episode.due_at <= min(until, episode.last_at + timing.stale_after)


def _first(episode: Episode, mark: Mark) -> float:
    return mark.value if episode.first is None else episode.first


def _closed(episode: Episode | None, mark: Mark, known: bool) -> Iterator[Episode]:
    if episode is not None and known:
        yield replace(episode, ended_at=mark.at)
