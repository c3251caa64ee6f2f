"""What a report says: sums of a month's figures, compared with the month before, and what of it may be public."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from alerts.report.settings import ReportSettings
from alerts.statistics.calendar import Month
from alerts.statistics.figures import BayFigures, CaseFigures, SiteFigures, added_bays, added_cases
from alerts.statistics.loading import Asking, MonthFigures, month_figures
from alerts.statistics.patrol import Window, suggestions
from storage.database import Connection

NOTHING: Final = frozenset[str]()


@dataclass(frozen=True, slots=True)
class Report:
    """One month.

    Attributes:
        sites: those it is about; `withheld` are the keys of those whose numbers are kept secret.
        before: the month before, as far as it was observed.
        windows: where and when to look, from the last months.
        until: up to when the month was observed.
    """

    month: Month
    sites: Sequence[SiteFigures]
    cases: CaseFigures
    bays: BayFigures
    before: CaseFigures | None
    windows: Sequence[Window]
    until: datetime
    made_at: datetime
    zone: ZoneInfo
    settings: ReportSettings
    kept: bool = False
    public: bool = False
    withheld: frozenset[str] = NOTHING
    area: str = ""

    @property
    def thin(self) -> bool:
        """True when a public version has too few cases to say anything of them."""
        return self.public and 0 < self.cases.cases < self.settings.suppress_below

    @property
    def running(self) -> bool:
        """True for a month that is not over."""
        return self.until < self.month.span(self.zone).end

    @property
    def sensors(self) -> Mapping[str, str]:
        """Names of bays by the DevEUIs of their sensors, and of sites by their keys."""
        names = {site.key: site.name for site in self.sites}
        return names | {sensor: bay for site in self.sites for sensor, bay in site.sensors}


@dataclass(frozen=True, slots=True)
class Months:
    """The figures of the months that a report needs, the report's own the last."""

    months: Sequence[MonthFigures]
    asking: Asking
    settings: ReportSettings = field(default_factory=ReportSettings)

    def report(self, made_at: datetime, *, public: bool = False, district: str = "", site: str = "") -> Report:
        """The report about the whole city, a district or a site; the public one is about the whole city."""
        *_, latest = self.months
        chosen = [one for one in latest.sites if _wanted(one, district, site)]
        previous = [one for month in self.months[-2:-1] for one in month.sites if _wanted(one, district, site)]
        cases = added_cases(one.cases for one in chosen)
        secret = withheld({one.key: one.cases.cases for one in chosen}, self.settings.suppress_below)
        return Report(
            latest.month,
            chosen,
            cases,
            added_bays(one.bays for one in chosen),
            added_cases(one.cases for one in previous) if _observed(previous) else None,
            () if public else suggestions(self._together(district, site), length=self.settings.patrol_hours),
            latest.until,
            made_at,
            self.asking.zone,
            self.settings,
            kept=latest.kept,
            public=public,
            withheld=secret if public else NOTHING,
            area=next((one.name for one in chosen), site) if site else district,
        )

    def _together(self, district: str, site: str) -> list[SiteFigures]:
        """Each site with the figures of all months."""
        by_key: dict[str, list[SiteFigures]] = {}
        for month in self.months:
            for one in month.sites:
                if _wanted(one, district, site):
                    by_key.setdefault(one.key, []).append(one)
        return [
            replace(
                several[-1],
                cases=added_cases(one.cases for one in several),
                bays=added_bays((one.bays for one in several), months=True),
            )
            for several in by_key.values()
        ]


async def load_months(
    connection: Connection,
    month: Month,
    now: datetime,
    asking: Asking,
    settings: ReportSettings,
    *,
    known: Mapping[Month, MonthFigures] = MappingProxyType({}),
) -> Months:
    """The month and those before it that the report needs.

    Args:
        known: months that need not be counted.
    """
    wanted = needed(month, settings)
    found = [known.get(one) or await month_figures(connection, one, now, asking) for one in wanted]
    return Months(found, asking, settings)


def needed(month: Month, settings: ReportSettings) -> list[Month]:
    """The months of a month's report, its own the last."""
    return [month.shifted(-back) for back in reversed(range(max(2, settings.patrol_months)))]


def withheld(counts: Mapping[str, int], least: int) -> frozenset[str]:
    """The sites whose numbers are kept secret: below `least`; and one more when the sum would tell a single one."""
    small = {key for key, count in counts.items() if count < least}
    if len(small) == 1:
        others = sorted((count, key) for key, count in counts.items() if key not in small)
        small |= {key for _, key in others[:1]}
    return frozenset(small)


def districts(sites: Iterable[SiteFigures]) -> list[str]:
    """The districts of sites, in order."""
    return sorted({site.district for site in sites if site.district})


def _wanted(one: SiteFigures, district: str, site: str) -> bool:
    return (not district or one.district == district) and (not site or one.key == site)


def _observed(sites: Sequence[SiteFigures]) -> bool:
    return any(site.cases.cases or sum(site.bays.watched) for site in sites)
