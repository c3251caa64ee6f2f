"""All sources of charge points' statuses that one engine runs, and whom to ask again before an alert.

Pushes (OCPI, webhooks) come to the portal and are stored there; what runs here is polls and subscriptions. Only the
active engine runs it, because a broker knows one client of our name and an operator wants to be asked once.
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
from storage.failures import Fatal, Retryable

logger = logging.getLogger(__name__)


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
        """Run all sources until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for source in self._polled.values():
                    seconds = source.settings.poll_seconds
                    rhythm = Rhythm(source.health, self._metrics, source.poll, seconds=seconds)
                    tasks.create_task(rhythm.run())
                for subscribed in self._subscribed:
                    tasks.create_task(subscribed.run())
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

    async def close(self) -> None:
        """Close the connections to the database."""
        for held in self._held:
            await held.close()

    def _hold(self, connect: Connect) -> HeldConnection:
        held = HeldConnection(connect)
        self._held.append(held)
        return held
