"""What people ask of the figures: shares, medians, rates, each with how well it is known. None: cannot be said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from alerts.statistics.cases import BY_ITSELF, OPEN
from alerts.statistics.figures import BayFigures, CaseFigures, Frames
from alerts.statistics.intervals import Bounds, share_bounds

LEAST_HOURS: Final = 0.5
"""A weekday and hour that was watched for less has no rate."""


class Reaction(NamedTuple):
    """Minutes: half of the cases took at most `median`, nine of ten at most `most`."""

    cases: int
    median: float | None
    most: float | None


class Precision(NamedTuple):
    """How often a sensor was right when somebody looked."""

    sensor: str
    confirmed: int
    false: int
    share: float
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Told cases without a session by weekday and hour.

    Attributes:
        cases: how many.
        days: on how many days that hour was watched.
        rates: cases per watched day; None where it was hardly watched.
    """

    cases: Sequence[int]
    days: Sequence[int]
    rates: Sequence[float | None]

    @property
    def most(self) -> float:
        """The highest rate."""
        return max((rate for rate in self.rates if rate is not None), default=0.0)


def lost_hours(cases: CaseFigures) -> float:
    """Hours for which charge points were blocked by cases ("verlorene Ladezeit")."""
    return float(sum(cases.lost))


def share(part: float, whole: float) -> float | None:
    """`part` of `whole`; None of nothing."""
    return part / whole if whole > 0 else None


def by_itself(cases: CaseFigures) -> float | None:
    """Of the cases that are over, the share that ended by itself, without anybody's doing."""
    ended = cases.cases - cases.ends.get(OPEN, 0)
    return share(sum(cases.ends.get(reason, 0) for reason in BY_ITSELF), ended)


def availability(bays: BayFigures) -> float | None:
    """1 - (occupied without a session, or out of order) / all of the time in which both were known."""
    lost = share(bays.unavailable, bays.judged)
    return None if lost is None else 1 - lost


def delivery(frames: Frames) -> float | None:
    """The share of a sensor's frames that arrived."""
    return share(frames.received, frames.received + frames.missing)


def reaction(minutes: Mapping[int, int]) -> Reaction:
    """Median and ninth decile of counted minutes."""
    count = sum(minutes.values())
    return Reaction(count, quantile(minutes, 0.5), quantile(minutes, 0.9))


def quantile(minutes: Mapping[int, int], level: float) -> float | None:
    """The value below which `level` of the counted ones lie; the middle of the two nearest for an even median."""
    count = sum(minutes.values())
    if not count:
        return None
    position = level * (count - 1)
    low, high = _ranked(minutes, int(position)), _ranked(minutes, min(int(position) + 1, count - 1))
    return low + (high - low) * (position - int(position))


def precisions(cases: CaseFigures) -> list[Precision]:
    """Each sensor that somebody looked after, the one that is surely worst first."""
    found = [
        Precision(
            sensor,
            one.confirmed,
            one.false,
            one.confirmed / (one.confirmed + one.false),
            share_bounds(one.confirmed, one.false),
        )
        for sensor, one in cases.records.items()
        if one.confirmed + one.false
    ]
    return sorted(found, key=lambda one: (one.bounds.high, one.sensor))


def heat_map(cases: CaseFigures, bays: BayFigures) -> HeatMap:
    """Cases per day on which the hour was watched; several bays are watched when on average they were."""
    watched = [hours / bays.bays if bays.bays else 0.0 for hours in bays.watched]
    rates = [hits / hours if hours >= LEAST_HOURS else None for hits, hours in zip(cases.hits, watched, strict=True)]
    return HeatMap([round(hits) for hits in cases.hits], [round(days) for days in bays.watched_days], rates)


def level(rate: float | None, most: float, levels: int) -> int:
    """A colour's number: 0 for none, then 1 to `levels` up to the highest rate."""
    if not rate or most <= 0:
        return 0
    return min(levels, int(np.ceil(rate / most * levels)))


def _ranked(minutes: Mapping[int, int], rank: int) -> int:
    passed = 0
    for value in sorted(minutes):
        passed += minutes[value]
        if rank < passed:
            return value
    raise IndexError(rank)
