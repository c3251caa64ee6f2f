"""Maintenance in the background: cases as counts, rollups of touched hours, retention, compression.

See `alerts.retention`, `portal.retention` and `storage.maintenance`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import perf_counter

import psycopg

from alerts.retention import expire_cases
from alerts.statistics.loading import Asking
from config.settings import Settings
from portal.retention import expire_portal
from stadtfunk.upkeep_metrics import UpkeepMetrics
from storage.database import Connection
from storage.failures import Retryable
from storage.freshness import rollups_fresh_at
from storage.maintenance import run_maintenance

log = logging.getLogger(__name__)

PERIOD = 60.0


class Upkeep:
    """Runs maintenance once a minute; a database that is away is asked again a minute later.

    Args:
        connect: opens a connection with the role `maintenance`.
    """

    def __init__(
        self, settings: Settings, connect: Callable[[], Awaitable[Connection]], metrics: UpkeepMetrics
    ) -> None:
        self._metrics = metrics
        self._retention = settings.retention
        self._portal = settings.portal
        self._asking = Asking.of(settings.alerts)
        self._connect = connect
        self._connection: Connection | None = None

    async def run(self) -> None:
        """Pass after pass, until cancelled."""
        while True:
            try:
                self._connection = await self._connect()
                async with self._connection:
                    now, began = datetime.now(UTC), perf_counter()
                    await expire_cases(self._connection, self._retention, now=now, asking=self._asking)
                    await expire_portal(self._connection, self._portal, now=now)
                    await run_maintenance(self._connection, self._retention, now=now)
                    fresh_at = await rollups_fresh_at(self._connection)
                    self._metrics.done(now, perf_counter() - began, fresh_at)
            except (psycopg.Error, OSError, Retryable) as error:
                self._metrics.failed()
                log.warning("maintenance_failed error=%s", type(error).__name__)
            await asyncio.sleep(PERIOD)

    def abandon(self) -> None:
        """Cut the connection without a word: cancelling a statement in a database that hangs would take seconds."""
        if self._connection is not None:
            self._connection.pgconn.finish()
