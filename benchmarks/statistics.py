"""The page Auswertung of a large city: a month of 5,000 bays, whose days were counted by maintenance before.

The history is that of the alert engine's benchmark: 5,000 bays that say something every hour. What is measured is what
a page waits for when nothing is cached: the figures of a month that is over but for its last two days.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from alerts.statistics.calendar import Month
from alerts.statistics.days import keep_days
from alerts.statistics.loading import Asking, month_figures
from benchmarks.alerts import SETTINGS, make_city
from benchmarks.rig import Rig
from storage.database import Role, connect
from storage.settings import DatabaseSettings

RUNS = 3


@dataclass(frozen=True, slots=True)
class Counted:
    """Seconds: a month from kept days, the same from messages, and one day of maintenance."""

    month: float
    anew: float
    day: float


def figures(rig: Rig, *, days: int) -> Counted:
    """A month of which `days` days are stored."""
    make_city(rig, days=days)
    return asyncio.run(_figures(DatabaseSettings(dsn=rig.dsn), days))


async def _figures(settings: DatabaseSettings, days: int) -> Counted:
    asking, now = Asking.of(SETTINGS), datetime.now(UTC)
    month = Month.of(now - timedelta(days=15), asking.zone)  # at least half of it is stored
    anew = await _load(settings, month, now, asking)
    started = time.perf_counter()
    async with await connect(settings, role=Role.MAINTENANCE) as connection:
        await connection.execute("SET statement_timeout = '10min'")
        done = await keep_days(connection, asking.how, now=now, within=timedelta(days=days), most=days)
    day = (time.perf_counter() - started) / max(1, done)
    kept = [await _load(settings, month, now, asking) for _ in range(RUNS)]
    return Counted(median(kept), anew, day)


async def _load(settings: DatabaseSettings, month: Month, now: datetime, asking: Asking) -> float:
    async with await connect(settings, role=Role.PORTAL) as connection:
        started = time.perf_counter()
        found = await month_figures(connection, month, now, asking)
        seconds = time.perf_counter() - started
    if not sum(site.bays.occupied for site in found.sites):
        raise AssertionError("a month in which no bay was occupied")
    return seconds
