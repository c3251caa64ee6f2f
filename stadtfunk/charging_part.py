"""The charge points' sources as a part of the program: run beside the alert engine, and are replaced when told so."""

import asyncio
from collections.abc import Awaitable, Callable

from alerts.charging.metrics import ChargingMetrics
from alerts.charging.settings import ChargingSettings
from alerts.charging.sources import ChargingSources
from alerts.charging.status import StatusEvent
from storage.database import Connection


class ChargingPart:
    """The sources of one process; whoever asks an operator again asks those that are in use then.

    Args:
        connect: opens a connection with the alerts' rights.

    Raises:
        OSError: a certificate's file cannot be used.
    """

    def __init__(
        self, settings: ChargingSettings, connect: Callable[[], Awaitable[Connection]], metrics: ChargingMetrics
    ) -> None:
        self._connect = connect
        self._metrics = metrics
        self._settings = settings
        self._sources = ChargingSources(settings, connect, metrics)
        self._renewed = asyncio.Event()

    def prepare(self, settings: ChargingSettings) -> Callable[[], None]:
        """What takes these settings over, in place of the old ones; makes everything first that could fail.

        Raises:
            OSError: a certificate's file cannot be used; the old sources go on.
        """
        if settings == self._settings:
            return _nothing
        sources = ChargingSources(settings, self._connect, self._metrics)

        def take() -> None:
            self._settings, self._sources = settings, sources
            self._renewed.set()

        return take

    async def recheck(self, evse_key: str) -> StatusEvent | None:
        """See `alerts.charging.store.Recheck`."""
        return await self._sources.recheck(evse_key)

    async def run(self) -> None:
        """Run the sources until cancelled. Old ones end before others begin: a broker knows one client of a name."""
        while True:
            self._renewed.clear()
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self._sources.run())
                await self._renewed.wait()
                running.cancel()


def _nothing() -> None:
    """Nothing is to be taken over."""
