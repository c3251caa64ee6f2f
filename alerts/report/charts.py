"""Charts drawn on paper: days, shares, a heat map, bars, intervals. Each takes plain numbers and the room it has."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from alerts.report.paper import AMBER, INK, MARGIN, MUTED, PALE, PRIMARY, RAMP, RULE, SLATE, WHITE, WIDTH, Color, Paper
from alerts.report.tagging import Tag
from alerts.report.words import WEEKDAYS_SHORT, number
from alerts.statistics.measures import HeatMap, level

SHARE_COLORS: Final[Sequence[Color]] = (PRIMARY, AMBER, SLATE, MUTED)


class Share(NamedTuple):
    """A part of a stacked bar."""

    label: str
    value: int


class Bar(NamedTuple):
    """A bar with what is written behind it."""

    label: str
    value: float
    text: str


class Range(NamedTuple):
    """A share with its bounds, 0 to 1."""

    label: str
    low: float
    share: float
    high: float
    text: str


def days(paper: Paper, counts: Sequence[int], weekend: Sequence[bool], *, height: float = 38) -> None:
    """A bar for each day of a month; weekends are shaded."""
    paper.make_room(height + 10)
    told = ", ".join(f"{day}.: {number(count)}" for day, count in enumerate(counts, start=1) if count)
    with paper.tagged(Tag.CHART, alt=f"Säulendiagramm, Fälle je Tag: {told or 'keine'}"):
        _draw_days(paper, counts, weekend, height)


def _draw_days(paper: Paper, counts: Sequence[int], weekend: Sequence[bool], height: float) -> None:
    left, top = MARGIN + 8, paper.get_y() + 2
    width, step = WIDTH - 8, nice_step(max(counts, default=0))
    most = max(step, -(-max(counts, default=0) // step) * step)
    slot = width / max(1, len(counts))
    for place, off in enumerate(weekend):
        if off:
            paper.set_fill_color(PALE)
            paper.rect(left + place * slot, top, slot, height, style="F")
    for value in range(0, most + 1, step):
        y = top + height * (1 - value / most)
        paper.set_draw_color(RULE)
        paper.line(left, y, left + width, y)
        paper.label(left - 2, y, number(value), size=7.5, align="R")
    paper.set_fill_color(PRIMARY)
    for place, count in enumerate(counts):
        bar = height * count / most
        if count:
            paper.rect(left + (place + 0.18) * slot, top + height - bar, slot * 0.64, bar, style="F")
        if place == 0 or (place + 1) % 5 == 0:
            paper.label(left + (place + 0.5) * slot, top + height + 3, f"{place + 1}.", size=7.5, align="C")
    paper.set_xy(MARGIN, top + height + 7)


def shares(paper: Paper, parts: Sequence[Share]) -> None:
    """One bar of several parts, with a legend."""
    whole = sum(part.value for part in parts)
    paper.make_room(14 + 5 * len(parts))
    with paper.tagged(Tag.CHART, alt=f"Anteile: {'; '.join(_share_text(part, whole) for part in parts)}"):
        _draw_shares(paper, parts, whole)


def _share_text(part: Share, whole: int) -> str:
    said = f"{number(part.value)} ({number(100 * part.value / whole)} %)" if whole else number(part.value)
    return f"{part.label}: {said}"


def _draw_shares(paper: Paper, parts: Sequence[Share], whole: int) -> None:
    x, y = MARGIN, paper.get_y() + 1
    if not whole:
        paper.set_fill_color(PALE)
        paper.rect(x, y, WIDTH, 8, style="F")
    for color, part in zip(SHARE_COLORS, parts, strict=False):
        width = WIDTH * part.value / whole if whole else 0.0
        paper.set_fill_color(color)
        if width:
            paper.rect(x, y, width, 8, style="F")
        if width > 12:
            paper.label(x + width / 2, y + 4, number(part.value), size=9, align="C", color=WHITE)
        x += width
    paper.set_y(y + 11)
    for color, part in zip(SHARE_COLORS, parts, strict=False):
        y = paper.get_y() + 2
        paper.set_fill_color(color)
        paper.rect(MARGIN, y - 1.5, 3, 3, style="F")
        paper.label(MARGIN + 5, y, _share_text(part, whole), size=9, color=INK)
        paper.set_y(y + 3)
    paper.ln(2)


def heat(paper: Paper, found: HeatMap) -> None:
    """Weekday and hour; darker is more cases per watched day, hatched was not watched."""
    height = 6.6
    paper.make_room(7 * height + 18)
    with paper.tagged(Tag.CHART, alt=_heat_text(found)):
        _draw_heat(paper, found, height)


def _heat_text(found: HeatMap) -> str:
    """Every hour with cases, by weekday."""
    told = [
        f"{name}: " + ", ".join(f"{hour} Uhr {number(found.cases[weekday * 24 + hour])}" for hour in hours)
        for weekday, name in enumerate(WEEKDAYS_SHORT)
        for hours in [[hour for hour in range(24) if found.cases[weekday * 24 + hour]]]
        if hours
    ]
    return f"Wärmekarte, Fälle nach Wochentag und Stunde: {'; '.join(told) or 'keine'}"


def _draw_heat(paper: Paper, found: HeatMap, height: float) -> None:
    left, top, cell = MARGIN + 9, paper.get_y() + 5, (WIDTH - 9) / 24
    for hour in range(0, 24, 3):
        paper.label(left + hour * cell, top - 2.5, f"{hour} Uhr", size=7.5)
    for weekday, name in enumerate(WEEKDAYS_SHORT):
        y = top + weekday * height
        paper.label(left - 3, y + height / 2, name, size=8.5, align="R", color=INK)
        for hour in range(24):
            _heat_cell(paper, found, weekday * 24 + hour, left + hour * cell, y, cell, height)
    y = top + 7 * height + 5
    paper.label(left, y, "Fälle je beobachtetem Tag:", size=8)
    x = left + 37
    for step, color in enumerate(RAMP if found.most else RAMP[:1]):
        paper.set_fill_color(color)
        paper.set_draw_color(RULE)
        paper.rect(x, y - 2, 9, 4, style="DF")
        text = "0" if step == 0 else number(found.most * step / (len(RAMP) - 1), 2)
        paper.label(x + 4.5, y + 4, text, size=7, align="C")
        x += 9
    paper.rect(x + 6, y - 2, 9, 4, style="D")
    paper.line(x + 6, y + 2, x + 15, y - 2)
    paper.label(x + 17, y, "nicht beobachtet", size=8)
    paper.set_xy(MARGIN, y + 8)


def bars(paper: Paper, rows: Sequence[Bar], *, color: Color = PRIMARY, label_width: float = 62) -> None:
    """Bars from left to right, one below the other."""
    most = max((row.value for row in rows), default=0.0)
    room = WIDTH - label_width - 24
    for row in rows:
        paper.make_room(6)
        y = paper.get_y() + 3
        paper.write_in(9)
        text = paper.fitting(row.label, label_width - 3)
        width = room * row.value / most if most > 0 else 0.0
        paper.set_fill_color(color)
        with paper.tagged(Tag.CHART, alt=f"{row.label}: {row.text}"):
            paper.label(MARGIN, y, text, size=9, color=INK)
            if width > 0:
                paper.rect(MARGIN + label_width, y - 1.9, width, 3.8, style="F")
            paper.label(MARGIN + label_width + width + 2, y, row.text, size=8.5)
        paper.set_y(y + 3)
    paper.ln(2)


def ranges(paper: Paper, rows: Sequence[Range], *, label_width: float = 62) -> None:
    """Shares with their bounds: a dot, and the line on which the truth lies."""
    room = WIDTH - label_width - 40
    paper.make_room(12 + 6 * min(len(rows), 5))
    left, y = MARGIN + label_width, paper.get_y() + 2
    with paper.decoration():
        for tenth in (0, 25, 50, 75, 100):
            paper.label(left + room * tenth / 100, y, f"{tenth} %", size=7.5, align="C")
    paper.set_y(y + 3)
    for row in rows:
        paper.make_room(6)
        y = paper.get_y() + 3
        bounds = f"wahrscheinlich {number(100 * row.low)} bis {number(100 * row.high)} %"
        with paper.tagged(Tag.CHART, alt=f"{row.label}: {row.text}, {bounds}"):
            _draw_range(paper, row, left, y, room)
        paper.set_y(y + 3)
    paper.set_draw_color(RULE)
    paper.ln(2)


def _draw_range(paper: Paper, row: Range, left: float, y: float, room: float) -> None:
    paper.write_in(9)
    paper.label(MARGIN, y, paper.fitting(row.label, left - MARGIN - 4), size=9, color=INK)
    for tenth in (0, 25, 50, 75, 100):
        paper.set_draw_color(RULE)
        paper.line(left + room * tenth / 100, y - 3, left + room * tenth / 100, y + 3)
    paper.set_draw_color(SLATE)
    paper.set_line_width(1.2)
    paper.line(left + room * row.low, y, left + room * row.high, y)
    paper.set_line_width(0.2)
    paper.set_fill_color(PRIMARY)
    paper.circle(left + room * row.share, y, 1.5, style="F")
    paper.label(left + room + 4, y, row.text, size=8.5)


def nice_step(most: int) -> int:
    """The distance of an axis' lines: about four of them, at 1, 2 or 5 times a power of ten."""
    wanted, power = max(1.0, most / 4), 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= wanted:
                return factor * power
        power *= 10


def _heat_cell(paper: Paper, found: HeatMap, cell: int, x: float, y: float, width: float, height: float) -> None:
    rate = found.rates[cell]
    step = level(rate, found.most, len(RAMP) - 1)
    paper.set_draw_color(WHITE if rate is not None else RULE)
    paper.set_fill_color(RAMP[step] if rate is not None else WHITE)
    paper.rect(x, y, width, height, style="DF")
    if rate is None:
        paper.line(x, y + height, x + width, y)
    elif found.cases[cell]:
        color = WHITE if step > 3 else INK
        paper.label(x + width / 2, y + height / 2, number(found.cases[cell]), size=7, align="C", color=color)
