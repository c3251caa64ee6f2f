"""A month's figures from the database: from cases and messages, or as they were kept when those were deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from alerts.parking.settings import ParkingSettings, Timers
from alerts.parking.verdict import Code
from alerts.settings import AlertSettings
from alerts.spans import Span
from alerts.statistics.calendar import Hours, Month
from alerts.statistics.cases import CaseRow, count_cases
from alerts.statistics.days import How, bay_figures
from alerts.statistics.figures import BayFigures, CaseFigures, SiteFigures
from alerts.statistics.sites import load_sites
from storage.database import Connection
from storage.statements import load

QUERIES: Final = load("statistics")
CODES: Final = [code.value for code in Code]

_BEFORE, _AFTER = timedelta(days=2), timedelta(days=14)
"""So long before a month its cases may have begun, and so long after it their lost hours are counted."""


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """A month's sites.

    Attributes:
        until: up to when it was observed: its end, or when it was asked.
        kept: True when cases and messages are deleted and this is what was kept of them.
    """

    month: Month
    sites: tuple[SiteFigures, ...]
    until: datetime
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """What figures are made with: where days begin, and how long a message or a contact tells the state."""

    zone: ZoneInfo
    timers: Timers = field(default_factory=Timers)

    @classmethod
    def of(cls, settings: AlertSettings) -> Self:
        """As the rules about bays are set up; with their defaults where there is none."""
        rules: Sequence[object] = list(settings.rules.values())
        timers = [rule.timers for rule in rules if isinstance(rule, ParkingSettings)]
        return cls(ZoneInfo(settings.calendar.time_zone), timers[0] if timers else Timers())

    @property
    def how(self) -> How:
        """The same for days."""
        return How(self.zone, self.timers)


async def month_figures(connection: Connection, month: Month, now: datetime, asking: Asking) -> MonthFigures:
    """The figures of a month; those that were kept when it is that old."""
    rows = await (await connection.execute(QUERIES["stored_month"], {"month": month.first})).fetchall()
    until = min(now, month.span(asking.zone).end)
    if rows:
        return MonthFigures(month, tuple(_kept(*row) for row in rows), until, kept=True)
    return MonthFigures(month, await counted_sites(connection, month, now, asking), until)


async def counted_sites(connection: Connection, month: Month, now: datetime, asking: Asking) -> tuple[SiteFigures, ...]:
    """The figures of every site with bays or cases in the month, counted from what is stored."""
    whole = month.span(asking.zone)
    span = Span(whole.start, max(whole.start, min(whole.end, now)))
    sites = await load_sites(connection, whole)
    cases = await _cases(connection, whole, now, asking.zone)
    bays = await bay_figures(connection, sites, span, asking.how)
    found = [
        SiteFigures(
            site.key,
            site.name,
            site.district,
            cases.pop(site.key, CaseFigures()),
            bays.get(site.key) or BayFigures(bays=len(site.bays)),
            tuple(site.sensors),
        )
        for site in sites
    ]
    return (*found, *(SiteFigures(key, key, "", figures) for key, figures in sorted(cases.items())))


def _kept(key: str, name: str, district: str, figures: Mapping[str, object]) -> SiteFigures:
    return SiteFigures(
        key,
        name,
        district,
        CaseFigures.model_validate(figures["cases"]),
        BayFigures.model_validate(figures["bays"]),
        tuple((str(sensor), str(bay)) for sensor, bay in figures.get("sensors", ())),  # type: ignore[attr-defined]
    )


def to_keep(site: SiteFigures) -> dict[str, object]:
    """A site's figures as they are kept."""
    return {
        "cases": site.cases.model_dump(),
        "bays": site.bays.model_dump(),
        "sensors": [list(s) for s in site.sensors],
    }


async def _cases(connection: Connection, span: Span, now: datetime, zone: ZoneInfo) -> dict[str, CaseFigures]:
    values = {"start": span.start, "end": span.end, "now": now, "zone": zone.key, "codes": CODES}
    rows = await (await connection.execute(QUERIES["cases"], values)).fetchall()
    around = Hours.of(Span(span.start - _BEFORE, span.end + _AFTER), zone)
    return count_cases((CaseRow(*row) for row in rows), around)
