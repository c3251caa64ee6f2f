"""Maintenance in the background: rollups of touched hours, retention, compression; see `storage.maintenance`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import psycopg

from config.settings import Settings
from storage.database import Connection
from storage.failures import Retryable
from storage.maintenance import run_maintenance

log = logging.getLogger(__name__)

PERIOD = 60.0


async def upkeep(settings: Settings, connect: Callable[[], Awaitable[Connection]]) -> None:
    """Once a minute until cancelled; a database that is away is asked again a minute later."""
    while True:
        try:
            connection = await connect()
            async with connection:
                await run_maintenance(connection, settings.retention, now=datetime.now(UTC))
        except (psycopg.Error, OSError, Retryable) as error:
            log.warning("maintenance_failed error=%s", type(error).__name__)
        await asyncio.sleep(PERIOD)
