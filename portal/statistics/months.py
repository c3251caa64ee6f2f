"""Figures of months, kept for a short while: they take a moment, and many look at the same ones."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from alerts.report.content import Months, load_months, needed
from alerts.report.settings import ReportSettings
from alerts.settings import AlertSettings
from alerts.statistics.calendar import Month
from alerts.statistics.loading import Asking, MonthFigures
from portal.services import PortalServices

FRESH: Final = timedelta(minutes=1)
"""A running month may be this old, and while somebody counts it anew, as old as one that is over."""
KEPT: Final = timedelta(minutes=15)
"""A month that is over."""
AT_MOST: Final = 12


@dataclass(slots=True)
class MonthCache:
    """The months that were asked for last, each counted once for all reports with it; one is counted at a time."""

    _found: dict[Month, tuple[datetime, MonthFigures]] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def months(self, services: PortalServices, month: Month) -> tuple[Months, datetime]:
        """The month and those before it, and when they were counted.

        Raises:
            Retryable: the database cannot be reached now.
        """
        settings, how = report_settings(services), asking(services)
        wanted = needed(month, settings)
        known = self._known(wanted, services.clock(), how, waiting=self._turn.locked())
        if len(known) < len(wanted):
            async with self._turn:
                now = services.clock()
                known = self._known(wanted, now, how, waiting=False)
                async with services.connection() as connection:
                    found = await load_months(connection, month, now, how, settings, known=known)
                self._keep(found, known, now)
                known = {one.month: one for one in found.months}
        return Months([known[one] for one in wanted], how, settings), self._found[month][0]

    def _known(self, wanted: list[Month], now: datetime, how: Asking, *, waiting: bool) -> Mapping[Month, MonthFigures]:
        """Those that are young enough; `waiting`: somebody is counting, and old ones are better than none."""
        found = {one: self._found[one] for one in wanted if one in self._found}
        return {
            one: figures
            for one, (at, figures) in found.items()
            if timedelta(0) <= now - at < (KEPT if waiting or figures.until >= one.span(how.zone).end else FRESH)
        }

    def _keep(self, found: Months, known: Mapping[Month, MonthFigures], now: datetime) -> None:
        for one in found.months:
            if one.month not in known:
                self._found[one.month] = now, one
        for oldest in sorted(self._found, key=lambda one: self._found[one][0])[: max(0, len(self._found) - AT_MOST)]:
            del self._found[oldest]


def asking(services: PortalServices) -> Asking:
    """Time zone and timers, as the rules are set up."""
    found = services.parts.get(AlertSettings)
    return Asking.of(found if isinstance(found, AlertSettings) else AlertSettings())


def report_settings(services: PortalServices) -> ReportSettings:
    """Settings of reports; their defaults where the program handed in none."""
    found = services.parts.get(ReportSettings)
    return found if isinstance(found, ReportSettings) else ReportSettings()
