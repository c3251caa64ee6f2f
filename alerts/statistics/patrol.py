"""Where and when to look: windows with the most cases to be expected per hour, counted with caution.

A site that was watched for a few days and had one case is not better than one with ten cases in thirteen weeks. So
windows are ordered by the lower bound of what the counts can say, not by the counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from alerts.statistics.calendar import CELLS, Floats
from alerts.statistics.figures import SiteFigures
from alerts.statistics.intervals import rate_lower_bound


class Window(NamedTuple):
    """A time to look at a site.

    Attributes:
        cell: weekday and hour of its begin, as in `calendar`.
        length: hours.
        hits: cases that were seen in it.
        watched: hours for which it was watched.
        expected, at_least: cases per hour, and what that is at least with 90 % confidence.
    """

    site: SiteFigures
    cell: int
    length: int
    hits: int
    watched: float
    expected: float
    at_least: float


def suggestions(sites: Iterable[SiteFigures], *, length: int = 2, most: int = 10, least_hits: int = 2) -> list[Window]:
    """The best windows, which do not overlap at one site.

    Args:
        length: hours of a window; it may reach over midnight.
        least_hits: a window with fewer cases is no pattern.
    """
    found = [window for site in sites for window in _windows(site, length) if window.hits >= least_hits]
    found.sort(key=lambda window: (-window.at_least, window.site.key, window.cell))
    chosen: list[Window] = []
    for window in found:
        if len(chosen) == most:
            break
        if not any(_overlap(window, other) for other in chosen):
            chosen.append(window)
    return chosen


def _windows(site: SiteFigures, length: int) -> Iterator[Window]:
    if not site.bays.bays:
        return
    hits = _rolled(site.cases.hits, length)
    watched = _rolled(site.bays.watched, length) / site.bays.bays
    for cell in range(CELLS):
        count, hours = round(hits[cell]), float(watched[cell])
        if count and hours > 0:
            yield Window(site, cell, length, count, hours, count / hours, rate_lower_bound(count, hours))


def _rolled(amounts: Sequence[float], length: int) -> Floats:
    """For each cell, the sum of it and those after it; the week is a circle."""
    array = np.asarray(amounts, float)
    rolled: Floats = np.sum([np.roll(array, -shift) for shift in range(length)], axis=0)
    return rolled


def _overlap(first: Window, second: Window) -> bool:
    if first.site.key != second.site.key:
        return False
    return min((first.cell - second.cell) % CELLS, (second.cell - first.cell) % CELLS) < first.length
