"""Local months and their hours: which weekday and hour each hour of absolute time is, through both changes of clock."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.spans import Span

CELLS: Final = 7 * 24
"""Weekday times hour: Monday 0 h is the first, Sunday 23 h the last."""
HOUR: Final = 3600.0

_WRITTEN = re.compile(r"(\d{4})-(\d{2})")

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month."""

    year: int
    month: int

    @classmethod
    def parse(cls, written: str) -> Self:
        """The month of `2026-10`.

        Raises:
            ValueError: it is none.
        """
        match = _WRITTEN.fullmatch(written.strip())
        if match is None or not 1 <= int(match[2]) <= 12 or not 2000 <= int(match[1]) <= 2200:
            raise ValueError(f"{written!r} is no month such as 2026-10")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo) -> Self:
        """The month of a moment."""
        local = at.astimezone(zone)
        return cls(local.year, local.month)

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02}"

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    def shifted(self, months: int) -> "Month":
        """So many months later, or earlier."""
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(year, month + 1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.shifted(1).first - self.first).days

    def span(self, zone: ZoneInfo) -> Span:
        """From its first midnight to the next month's, in UTC."""
        return Span(_midnight(self.first, zone), _midnight(self.shifted(1).first, zone))


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a span of absolute time.

    Attributes:
        edges: seconds since 1970 at which they begin, and at which the last one ends.
        cells: weekday and hour of each, in local time.
        days: number of its local day, counted from the span's first.
    """

    edges: Floats
    cells: Integers
    days: Integers

    @classmethod
    def of(cls, span: Span, zone: ZoneInfo) -> Self:
        """The hours that begin in `span`; zones whose offset is no whole hour are cut at full hours of UTC."""
        starts = list(_hours(span))
        local = [at.astimezone(zone) for at in starts]
        first = local[0].date() if local else None
        return cls(
            np.array([at.timestamp() for at in (*starts, span.end)], float),
            np.array([at.weekday() * 24 + at.hour for at in local], int),
            np.array([(at.date() - first).days for at in local if first is not None], int),
        )

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.cells)

    def per_cell(self, amounts: Floats) -> Floats:
        """What hours hold, added up by weekday and hour."""
        return np.bincount(self.cells, weights=amounts, minlength=CELLS).astype(float)

    def days_per_cell(self, present: NDArray[np.bool_]) -> Integers:
        """On how many days each weekday and hour was there: the doubled hour of autumn is one day."""
        seen = np.unique(self.days[present] * CELLS + self.cells[present])
        days: Integers = np.bincount(seen % CELLS, minlength=CELLS)
        return days

    def seconds_in(self, starts: Floats, ends: Floats) -> Floats:
        """How much of each hour the spans cover together, overlaps counted as often as they are."""
        return np.diff(_covered(self.edges, starts) - _covered(self.edges, ends))


def _covered(edges: Floats, times: Floats) -> Floats:
    """For each edge: the sum of how long ago each of `times` was, those to come left out."""
    ordered = np.sort(times)
    sums = np.concatenate([[0.0], np.cumsum(ordered - edges[0])])
    before = np.searchsorted(ordered, edges)
    covered: Floats = before * (edges - edges[0]) - sums[before]
    return covered


def _hours(span: Span) -> Iterator[datetime]:
    at = span.start
    while at < span.end:
        yield at
        at += timedelta(hours=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
