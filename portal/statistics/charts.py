"""Geometry of the charts: what the templates draw as SVG, in the units of its view box. Colours are classes of CSS."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from alerts.report.charts import nice_step
from alerts.statistics.calendar import Month
from alerts.statistics.measures import HeatMap, level

LEVELS: Final = 6
CELL, ROW, LEFT, TOP = 30, 26, 34, 20
"""Of the heat map: size of a cell, room for names of weekdays and hours."""
DAYS_HEIGHT: Final = 150


class Cell(NamedTuple):
    """A weekday and hour; `level` is None where it was not watched."""

    weekday: int
    hour: int
    x: int
    y: int
    level: int | None
    cases: int
    days: int
    rate: float | None


class DayBar(NamedTuple):
    """A day of the month."""

    day: int
    weekend: bool
    cases: int
    x: float
    slot: float
    y: float
    height: float


class Tick(NamedTuple):
    """A line across a chart."""

    value: int
    y: float


class Part(NamedTuple):
    """A part of a whole bar of 1000 units."""

    x: float
    width: float
    value: int
    share: float | None
    name: str


@dataclass(frozen=True, slots=True)
class DaysChart:
    """Cases by day."""

    bars: Sequence[DayBar]
    ticks: Sequence[Tick]
    width: int = 780
    height: int = DAYS_HEIGHT
    left: int = 34


def heat_cells(found: HeatMap) -> list[Cell]:
    """The 168 cells, Monday first."""
    return [
        Cell(
            weekday,
            hour,
            LEFT + hour * CELL,
            TOP + weekday * ROW,
            None if found.rates[cell] is None else level(found.rates[cell], found.most, LEVELS),
            found.cases[cell],
            found.days[cell],
            found.rates[cell],
        )
        for weekday in range(7)
        for hour in range(24)
        for cell in (weekday * 24 + hour,)
    ]


def heat_scale(found: HeatMap) -> list[float]:
    """The highest rate of each colour."""
    return [found.most * step / LEVELS for step in range(LEVELS + 1)] if found.most else [0.0]


def days_chart(counts: Sequence[int], month: Month) -> DaysChart:
    """A bar for each day, and lines at round numbers."""
    most, step = max(counts, default=0), nice_step(max(counts, default=0))
    top = max(step, -(-most // step) * step)
    empty = DaysChart((), ())
    slot = (empty.width - empty.left) / max(1, len(counts))
    bars = [
        DayBar(
            day,
            date(month.year, month.month, day).weekday() >= 5,
            count,
            empty.left + (day - 1) * slot,
            slot,
            DAYS_HEIGHT * (1 - count / top),
            DAYS_HEIGHT * count / top,
        )
        for day, count in enumerate(counts, start=1)
    ]
    ticks = [Tick(value, DAYS_HEIGHT * (1 - value / top)) for value in range(0, top + 1, step)]
    return DaysChart(bars, ticks)


def parts(named: Sequence[tuple[str, int]]) -> list[Part]:
    """Parts of a bar, one beside the other."""
    whole, x, found = sum(value for _, value in named), 0.0, []
    for name, value in named:
        width = 1000 * value / whole if whole else 0.0
        found.append(Part(x, width, value, value / whole if whole else None, name))
        x += width
    return found
