"""The made-up months of tests/unit/statistics/month.py as they are kept, so that pages have something to show."""

from psycopg.types.json import Jsonb

from alerts.statistics.loading import MonthFigures, to_keep
from storage.database import connect
from storage.settings import DatabaseSettings
from tests.unit.statistics.month import MADE, OCTOBER, month_figures


async def keep_months(settings: DatabaseSettings) -> None:
    """August, September and October 2026."""
    async with await connect(settings) as connection:
        for back in range(3):
            figures: MonthFigures = month_figures(OCTOBER.shifted(-back))
            for site in figures.sites:
                await connection.execute(
                    "INSERT INTO parking_month (month, site, name, district, figures, taken_at)"
                    " VALUES (%s, %s, %s, %s, %s, %s)",
                    (figures.month.first, site.key, site.name, site.district, Jsonb(to_keep(site)), MADE),
                )
