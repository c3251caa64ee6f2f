"""The alert engine as a part of the program: the engine, the sender of its messages and the charge points beside it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

from prometheus_client import CollectorRegistry

from alerts.charging.metrics import ChargingMetrics
from alerts.engine import Engine
from alerts.metrics import EngineMetrics
from config.problems import ConfigurationError
from config.settings import Settings
from portal.health import Check
from stadtfunk.charging_part import ChargingPart
from stadtfunk.outbox_part import OutboxPart
from storage.database import Role, connect

log = logging.getLogger(__name__)


class EnginePart:
    """The engine of one process. Standing by for another one counts as ready.

    Args:
        charging: counts what the charge points' sources do.
        reread: gives the settings anew when `ask` is called; None: the caller hands them over with `use`.
    """

    def __init__(
        self,
        settings: Settings,
        registry: CollectorRegistry,
        charging: ChargingMetrics,
        *,
        reread: Callable[[], Settings] | None = None,
    ) -> None:
        connector = partial(connect, settings.database, role=Role.ALERTS, application_name="stadtfunk alerts")
        self._charging = ChargingPart(settings.charging, connector, charging)
        self._engine = Engine(settings.alerts, connector, EngineMetrics(registry), recheck=self._charging)
        self._outbox = OutboxPart(settings, registry)
        self._settings = settings
        self._reread = reread
        self._asked = asyncio.Event()

    def checks(self) -> Sequence[Check]:
        """The engine's connections."""
        return [Check("alert_engine", not self._engine.detail, self._engine.detail)]

    def ask(self) -> None:
        """Read the settings anew."""
        self._asked.set()

    def use(self, settings: Settings) -> None:
        """Take rules, channels, hours and charge points' sources over, if they differ; all of it or nothing."""
        try:
            take_charging = self._charging.prepare(settings.charging)
            self._outbox.use(settings)
        except (ConfigurationError, OSError) as error:
            log.error("reload_failed reason=%r", str(error))
            return
        take_charging()
        if settings.charging != self._settings.charging:
            log.info("charging_sources_reloaded")
        if settings.alerts != self._settings.alerts:
            self._engine.use(settings.alerts)
            log.info("alert_rules_reloaded rules=%d", len(settings.alerts.rules))
        self._settings = settings

    async def run(self) -> None:
        """Everything of it, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._engine.run())
            tasks.create_task(self._outbox.run())
            tasks.create_task(self._charging.run())
            if self._reread is not None:
                tasks.create_task(self._renew(self._reread))

    async def _renew(self, reread: Callable[[], Settings]) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                self.use(await asyncio.to_thread(reread))
            except ConfigurationError as error:
                log.error("reload_failed reason=%r", str(error))
