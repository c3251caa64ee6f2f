"""The sender of messages as a part of the program; runs beside the alert engine, and goes on sending without it."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from alerts.channels import Sender
from alerts.channels.building import make_sender
from alerts.channels.settings import ChannelSettings
from alerts.outbox import Outbox
from alerts.outbox_metrics import OutboxMetrics
from config.problems import ConfigurationError, Origin, Problem
from config.settings import Settings
from storage.database import Connection, Role, connect


class OutboxPart:
    """The outbox of one process.

    Raises:
        ConfigurationError: a channel cannot be made.
    """

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._metrics = OutboxMetrics(registry)
        self._outbox = self._make(settings)
        self._renewed = False

    def use(self, settings: Settings) -> None:
        """Take other channels over, if they differ; what is under way is settled first.

        Raises:
            ConfigurationError: a channel cannot be made; the old ones stay.
        """
        before = self._settings
        if settings.alerts.channels == before.alerts.channels and portal_url(settings) == portal_url(before):
            return
        replaced, self._outbox, self._settings = self._outbox, self._make(settings), settings
        self._renewed = True
        replaced.stop()

    async def run(self) -> None:
        """Send until cancelled; what is under way then is settled within a second."""
        while True:
            self._renewed = False
            await self._run(self._outbox)
            if not self._renewed:
                return

    async def _run(self, outbox: Outbox) -> None:
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(outbox.run())
            try:
                await asyncio.shield(sending)
            except asyncio.CancelledError:
                outbox.stop()
                await asyncio.wait({sending}, timeout=2.0)
                raise

    def _make(self, settings: Settings) -> Outbox:
        return Outbox(_connector(settings), make_channels(settings), self._metrics)


def make_channels(settings: Settings) -> dict[str, tuple[ChannelSettings, Sender]]:
    """Settings and sender of every channel that is enabled; connects to nothing.

    Raises:
        ConfigurationError: with every channel that cannot be made.
    """
    alerts, problems = settings.alerts, []
    made: dict[str, tuple[ChannelSettings, Sender]] = {}
    for name, channel in alerts.channels.items():
        if not channel.enabled:
            continue
        zone, url = alerts.calendar.time_zone, portal_url(settings)
        try:
            sender = make_sender(channel, time_zone=zone, portal_url=url, connect=_connector(settings))
        except (OSError, ValueError, ModuleNotFoundError) as error:
            origin = Origin("alerts" if settings.file is None else str(settings.file))
            problems.append(Problem(origin, f"alerts.channels.{name}", "other", {"error": str(error)}))
        else:
            made[name] = (channel, sender)
    if problems:
        raise ConfigurationError(problems)
    return made


def _connector(settings: Settings) -> Callable[[], Coroutine[Any, Any, Connection]]:
    return partial(connect, settings.database, role=Role.ALERTS, application_name="stadtfunk outbox")


def portal_url(settings: Settings) -> str:
    """Where links in messages lead; empty without a portal."""
    if settings.portal.public_url is not None:
        return settings.portal.public_url
    return f"http://127.0.0.1:{settings.portal.port}" if settings.portal.enabled and settings.portal.port else ""
