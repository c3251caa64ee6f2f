"""The pages for people as a part of the program: their port, their services, what runs beside them.

FastAPI and the templates are imported only here, when the portal is enabled: an image for ingest alone has none.
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

from prometheus_client import CollectorRegistry

from config.settings import Settings
from portal.health import Check
from portal.server import bind, serve
from storage.database import Role, connect


class PortalNotInstalled(Exception):
    """The portal is enabled, and its packages are missing."""


class PortalPart:
    """The portal of one process, listening at once, so that a taken port is an error before anything starts.

    Args:
        parts: what its pages need of the rest of the program, found by its type (`services.part`).
        registry: where its metrics are registered.

    Raises:
        PortalNotInstalled: the extra `portal` is missing.
        OSError: the address is taken, or the users' file cannot be read.
    """

    def __init__(
        self, settings: Settings, parts: Iterable[object] = (), *, registry: CollectorRegistry | None = None
    ) -> None:
        try:
            from portal.building import build_services
            from portal.site import background, create_site
        except ModuleNotFoundError as error:
            raise PortalNotInstalled(error.name or "") from None
        self._listener = bind(settings.portal)
        self._services = build_services(
            settings.portal,
            partial(connect, settings.database, role=Role.PORTAL, application_name="stadtfunk portal"),
            port=self._listener.getsockname()[1],
            registry=registry,
            parts={
                type(one): one
                for one in (settings.retention, settings.alerts, settings.charging, settings.report, *parts)
            },
        )
        self._site = create_site(self._services)
        self._background = background

    @property
    def url(self) -> str:
        """How people reach it."""
        return self._services.public_url

    def checks(self) -> Sequence[Check]:
        """Nothing beyond the database, which the process checks."""
        return ()

    async def run(self) -> None:
        """Answer requests until cancelled; streams of events are told to end first."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._end_streams())
                tasks.create_task(serve(self._site, self._listener))
                for one in self._background(self._services):
                    tasks.create_task(one)
        finally:
            self.close()
            await self._services.pool.close()

    def close(self) -> None:
        """Give the port up."""
        self._listener.close()

    async def _end_streams(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self._services.stopping.set()
