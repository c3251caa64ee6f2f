"""All sources of charge points' statuses that one engine runs, and whom to ask again before an alert.

Pushes (OCPI, webhooks) come to the portal and are stored there; what runs here is polls and subscriptions. Of several
processes one runs them, the others stand by (an advisory lock): a broker knows one client of our name, and an operator
wants to be asked once. Any process may ask again before an alert.
"""

import asyncio
import logging
from collections.abc import Sequence

import psycopg

from alerts.charging.datex2_feed import Datex2Source
from alerts.charging.metrics import ChargingMetrics
from alerts.charging.mqtt import MqttSource
from alerts.charging.ocpi.credentials import Handshake
from alerts.charging.ocpi.source import OcpiSource
from alerts.charging.ocpi.tokens import TokenFiles
from alerts.charging.polling import Clock, Connect, HeldConnection, Rhythm, SourceHealth, utc_now
from alerts.charging.settings import ChargingSettings
from alerts.charging.status import StatusEvent
from alerts.charging.store import find_evse
from storage.database import Connection, deadline, try_lock
from storage.failures import Fatal, Retryable

logger = logging.getLogger(__name__)

LOCK = "charging sources"
STAND_BY_SECONDS = 2.0
RETRY_SECONDS = 1.0
LOCK_CHECK_SECONDS = 5.0


class ChargingSources:
    """The configured sources; `recheck` is what the engine asks with.

    Args:
        connect: opens a connection with the alerts' rights.

    Raises:
        OSError: a certificate's file cannot be used.
    """

    def __init__(
        self, settings: ChargingSettings, connect: Connect, metrics: ChargingMetrics, *, clock: Clock = utc_now
    ) -> None:
        self._connect = connect
        self._metrics = metrics
        self._held: list[HeldConnection] = []
        self._database = self._hold(connect)
        files = TokenFiles(settings.state_dir)
        self._polled: dict[str, OcpiSource | Datex2Source] = {}
        for name in settings.ocpi:
            handshake = Handshake(name, settings, files)
            self._polled[name] = OcpiSource(handshake, self._hold(connect), metrics, clock=clock)
        for name, feed in settings.datex2.items():
            self._polled[name] = Datex2Source(name, feed, self._hold(connect), metrics, clock=clock)
        self._subscribed = [
            MqttSource(name, broker, self._hold(connect), metrics, clock=clock)
            for name, broker in settings.mqtt.items()
        ]

    async def run(self) -> None:
        """Stand by, then run all sources, until cancelled; returns at once where there are none."""
        try:
            while self._polled or self._subscribed:
                try:
                    await self._lead()
                except* (psycopg.Error, Retryable, Fatal, OSError) as errors:
                    logger.warning("charging_sources_wait reason=%s", type(errors.exceptions[0]).__name__)
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            await self.close()

    async def recheck(self, evse_key: str) -> StatusEvent | None:
        """The EVSE's status now, stored under the source `recheck`; UNKNOWN when its operator could not be asked.

        None: its source cannot be asked (messages), nobody knows it, or the database is away. Raises nothing that an
        operator or the database may do.
        """
        try:
            async with self._database.use() as connection:
                known = await find_evse(connection, evse_key)
            source = None if known is None else self._polled.get(known.source)
            return None if source is None else await source.recheck(evse_key, self._database)
        except (Retryable, Fatal, psycopg.Error) as error:
            logger.warning("charging_recheck_lost reason=%s", type(error).__name__)
            return None

    def health(self) -> Sequence[SourceHealth]:
        """How every link is that runs here."""
        return [source.health for source in (*self._polled.values(), *self._subscribed)]

    async def _lead(self) -> None:
        """Everything, as long as the lock is ours."""
        connection = await self._connect()
        async with connection:
            while not await try_lock(connection, LOCK):  # noqa: ASYNC110 (what is waited for is another process)
                await asyncio.sleep(STAND_BY_SECONDS)
            logger.info("charging_sources_started polled=%d subscribed=%d", len(self._polled), len(self._subscribed))
            async with asyncio.TaskGroup() as tasks:
                for source in self._polled.values():
                    rhythm = Rhythm(source.health, self._metrics, source.poll, seconds=source.settings.poll_seconds)
                    tasks.create_task(rhythm.run())
                for subscribed in self._subscribed:
                    tasks.create_task(subscribed.run())
                await _held(connection)

    async def close(self) -> None:
        """Close the connections to the database."""
        for held in self._held:
            await held.close()

    def _hold(self, connect: Connect) -> HeldConnection:
        held = HeldConnection(connect)
        self._held.append(held)
        return held


async def _held(connection: Connection) -> None:
    """For ever; raises when the connection, and with it the lock, is gone."""
    while True:
        await asyncio.sleep(LOCK_CHECK_SECONDS)
        async with deadline(connection, LOCK_CHECK_SECONDS):
            await connection.execute("SELECT 1")
