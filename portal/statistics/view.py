"""What the page shows: a report, in the shapes that the template lays out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from alerts.parking.verdict import Code
from alerts.report.content import Report
from alerts.statistics.calendar import Month
from alerts.statistics.figures import SiteFigures
from alerts.statistics.intervals import Bounds, share_bounds
from alerts.statistics.measures import (
    HeatMap,
    Precision,
    Reaction,
    availability,
    by_itself,
    delivery,
    heat_map,
    lost_hours,
    precisions,
    reaction,
    share,
)
from portal.statistics import charts, words


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to see; words of a URL."""

    month: Month
    district: str = ""
    site: str = ""

    def url(self, path: str = "/statistics", **more: str) -> str:
        """`path` with this choice."""
        chosen = {"monat": str(self.month), "bezirk": self.district, "station": self.site, **more}
        return f"{path}?{urlencode({name: value for name, value in chosen.items() if value})}"


@dataclass(frozen=True, slots=True)
class SiteLine:
    """One station of the table; `width` is its bar, of 100."""

    site: SiteFigures
    lost: float
    available: float | None
    width: float


class View:
    """A report as the template reads it."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.cases = report.cases
        self.bays = report.bays
        self.lost = lost_hours(report.cases)
        self.lost_before = None if report.before is None else lost_hours(report.before)
        self.available = availability(report.bays)
        self.alone = by_itself(report.cases)
        self.cleared = reaction(report.cases.cleared)
        self.taken = reaction(report.cases.taken)
        self.arrived = reaction(report.cases.arrived)
        self.heat: HeatMap = heat_map(report.cases, report.bays)
        self.precisions: Sequence[Precision] = precisions(report.cases)
        self.free, self.covered = delivery(report.bays.free), delivery(report.bays.covered)

    @property
    def looked(self) -> tuple[int, float | None, Bounds]:
        """How many cases somebody looked after, the share that was right, and its bounds."""
        right = sum(one.confirmed for one in self.cases.records.values())
        wrong = sum(one.false for one in self.cases.records.values())
        return right + wrong, share(right, right + wrong), share_bounds(right, wrong)

    @property
    def heat_cells(self) -> list[charts.Cell]:
        """The heat map's cells."""
        return charts.heat_cells(self.heat)

    @property
    def heat_scale(self) -> list[float]:
        """The heat map's legend."""
        return charts.heat_scale(self.heat)

    @property
    def days(self) -> charts.DaysChart:
        """Cases by day."""
        counts = [self.cases.days.get(day, 0) for day in range(1, self.report.month.days + 1)]
        return charts.days_chart(counts, self.report.month)

    @property
    def reasons(self) -> list[charts.Part]:
        """Cases by their first reason; the fourth one only where somebody counts it."""
        shown = [code for code in Code if code is not Code.V4_IDLE_PLUGGED or self.cases.codes.get(code)]
        return charts.parts([(words.CODES[code], self.cases.codes.get(code, 0)) for code in shown])

    @property
    def ends(self) -> list[tuple[str, int, float]]:
        """How cases ended, the most frequent first, with the width of its bar, of 100."""
        found = sorted(self.cases.ends.items(), key=lambda pair: (-pair[1], pair[0]))
        most = found[0][1] if found else 1
        return [(words.ENDS.get(end, end), count, 100 * count / most) for end, count in found]

    @property
    def reactions(self) -> list[Reaction]:
        """Until somebody took a case on, until they were there, until it ended by itself."""
        return [self.taken, self.arrived, self.cleared]

    @property
    def sites(self) -> list[SiteLine]:
        """The stations, those with the most lost hours first."""
        lost = {site.key: lost_hours(site.cases) for site in self.report.sites}
        most = max(lost.values(), default=0.0)
        lines = [
            SiteLine(site, lost[site.key], availability(site.bays), 100 * lost[site.key] / most if most else 0.0)
            for site in self.report.sites
        ]
        return sorted(lines, key=lambda line: (-line.lost, line.site.name))

    @property
    def watched(self) -> tuple[float, float | None, float | None]:
        """Bay hours that were watched, their share of all, and the share of them in which points were known, too."""
        start = self.report.month.span(self.report.zone).start
        whole = self.bays.bays * max(0.0, (self.report.until - start).total_seconds() / 3600)
        hours = sum(self.bays.watched)
        return hours, share(hours, whole), share(self.bays.judged, hours)
