"""Hours of bays: occupied, without a session, out of order. Counted exactly, from change to change.

Bays that share charge points are one pool: of `occupied` bays and `in use` points, `occupied - in use` cars do not
charge; a car before a broken point and the point itself are one lost place, not two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from alerts.statistics.calendar import HOUR, Floats, Hours
from alerts.statistics.figures import BayFigures, Frames, as_cells


class Times(NamedTuple):
    """Spans as two arrays, in seconds since 1970."""

    starts: Floats
    ends: Floats

    @classmethod
    def of(cls, spans: Iterable[tuple[float, float]]) -> Self:
        """The spans that are not empty."""
        found = np.array([span for span in spans if span[0] < span[1]], float).reshape(-1, 2)
        return cls(found[:, 0], found[:, 1])

    def at(self, times: Floats) -> Floats:
        """How many of them cover each time."""
        begun = np.searchsorted(np.sort(self.starts), times, "right")
        over = np.searchsorted(np.sort(self.ends), times, "right")
        return (begun - over).astype(float)


def united(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans without overlaps."""
    result: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = result[-1][0], max(result[-1][1], end)
        else:
            result.append((start, end))
    return result


@dataclass(frozen=True, slots=True)
class Pool:
    """Bays that share their charge points; mostly one bay with one point.

    Attributes:
        bays, points: how many.
        known, occupied: spans of each bay, together.
        reported, in_use, down: spans of each point, together; `reported` only while its operator was in contact.
    """

    bays: int
    points: int
    known: Times
    occupied: Times
    reported: Times
    in_use: Times
    down: Times


def site_hours(pools: Sequence[Pool], hours: Hours, *, free: Frames, covered: Frames) -> BayFigures:
    """The figures of a site's pools."""
    found = np.sum([_pool_hours(pool, hours) for pool in pools], axis=0) if pools else np.zeros((5, hours.count))
    watched, occupied, judged, idle, unavailable = found / HOUR
    bays = sum(pool.bays for pool in pools)
    present = watched >= 0.5 * max(bays, 1) * np.diff(hours.edges) / HOUR
    return BayFigures(
        bays=bays,
        watched=as_cells(hours.per_cell(watched)),
        watched_days=as_cells(hours.days_per_cell(present).astype(float)),
        occupied=float(occupied.sum()),
        judged=float(judged.sum()),
        idle=float(idle.sum()),
        unavailable=float(unavailable.sum()),
        free=free,
        covered=covered,
    )


def _pool_hours(pool: Pool, hours: Hours) -> Floats:
    """Seconds in each hour, times bays: watched, occupied, judged, idle, unavailable."""
    edges = _edges(pool, hours)
    lengths, at = np.diff(edges), edges[:-1]
    known, occupied = pool.known.at(at), pool.occupied.at(at)
    judged = (known >= pool.bays) & (pool.reported.at(at) >= pool.points) & (pool.points > 0)
    idle = np.maximum(0.0, occupied - pool.in_use.at(at))
    broken = np.minimum(pool.down.at(at), pool.bays)
    amounts = (known, occupied, judged * pool.bays, judged * idle, judged * np.maximum(idle, broken))
    hour = np.searchsorted(hours.edges, at, "right") - 1
    return np.array([np.bincount(hour, weights=amount * lengths, minlength=hours.count) for amount in amounts])


def _edges(pool: Pool, hours: Hours) -> Floats:
    """Every moment at which something of the pool changes, or an hour begins."""
    several = (pool.known, pool.occupied, pool.reported, pool.in_use, pool.down)
    moments = np.concatenate([hours.edges, *(part for times in several for part in times)])
    first, last = hours.edges[0], hours.edges[-1]
    edges: Floats = np.unique(moments[(moments >= first) & (moments <= last)])
    return edges
