"""Figures of months, kept for a short while: they take a second, and many look at the same ones."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from alerts.report.content import Months, load_months
from alerts.report.settings import ReportSettings
from alerts.settings import AlertSettings
from alerts.statistics.calendar import Month
from alerts.statistics.loading import Asking
from portal.services import PortalServices

FRESH: Final = timedelta(minutes=1)
"""A running month may be this old."""
KEPT: Final = timedelta(minutes=15)
"""A month that is over."""
AT_MOST: Final = 6


@dataclass(slots=True)
class MonthCache:
    """The months that were asked for last; one is loaded at a time."""

    _found: "OrderedDict[Month, tuple[datetime, Months]]" = field(default_factory=OrderedDict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def months(self, services: PortalServices, month: Month) -> tuple[Months, datetime]:
        """The month and those before it, and when they were counted.

        Raises:
            Retryable: the database cannot be reached now.
        """
        async with self._turn:
            now = services.clock()
            known = self._found.get(month)
            if known is not None and timedelta(0) <= now - known[0] < self._age(month, known[1]):
                self._found.move_to_end(month)
                return known[1], known[0]
            async with services.connection() as connection:
                found = await load_months(connection, month, now, asking(services), report_settings(services))
            self._found[month] = now, found
            while len(self._found) > AT_MOST:
                self._found.popitem(last=False)
            return found, now

    @staticmethod
    def _age(month: Month, months: Months) -> timedelta:
        end = month.span(months.asking.zone).end
        return KEPT if months.months[-1].until >= end else FRESH


def asking(services: PortalServices) -> Asking:
    """Time zone and timers, as the rules are set up."""
    found = services.parts.get(AlertSettings)
    return Asking.of(found if isinstance(found, AlertSettings) else AlertSettings())


def report_settings(services: PortalServices) -> ReportSettings:
    """Settings of reports; their defaults where the program handed in none."""
    found = services.parts.get(ReportSettings)
    return found if isinstance(found, ReportSettings) else ReportSettings()
