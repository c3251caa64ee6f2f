"""A process that runs one part of Stadtfunk, with its health and metrics on the `http` port."""

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from importlib.metadata import version
from typing import Protocol

from prometheus_client import CollectorRegistry

from config.settings import Settings
from portal.app import create_app
from portal.health import Check, Unavailable
from portal.server import bind, serve
from stadtfunk.certificates import certificate_files
from stadtfunk.exit_codes import ExitCode
from stadtfunk.heartbeat import beat
from stadtfunk.instance import AlreadyRunning, Instance, WrongSchema
from stadtfunk.notify import tell_systemd
from stadtfunk.process_metrics import ProcessMetrics
from storage.database import Role, connect
from storage.failures import Fatal

log = logging.getLogger(__name__)

END_WITHIN = 3.0


class Runnable(Protocol):
    """A part beside its process: what it runs, and whether it works."""

    def checks(self) -> Sequence[Check]:
        """What must work for the part to be ready; cheap, no I/O."""

    async def run(self) -> None:
        """The part, until cancelled."""


class PartService:
    """A process that runs one part.

    Args:
        role: that the part takes in the database.
        registry: with the part's metrics.
        on_hangup: what SIGHUP asks for; None: it ends the process, as usual.
    """

    def __init__(
        self,
        settings: Settings,
        part: Runnable,
        *,
        role: Role,
        registry: CollectorRegistry,
        on_hangup: Callable[[], None] | None = None,
    ) -> None:
        self._settings = settings
        self._part = part
        self._on_hangup = on_hangup
        self._stop = asyncio.Event()
        connector = partial(connect, settings.database, role=role, application_name=f"stadtfunk {role.name.lower()}")
        self._instance = Instance([], connector)
        self._process = ProcessMetrics(
            registry, version=version("stadtfunk"), health=self, certificates=certificate_files(settings)
        )
        http = settings.http.model_copy(update={"webhooks": {}})
        self._app = create_app(self, registry, Nowhere(), http)
        self._listener = bind(http)

    def checks(self) -> Sequence[Check]:
        """The database, then the part's own checks."""
        return [Check("database", self._instance.up, self._instance.detail), *self._part.checks()]

    def stop(self) -> None:
        """Begin the end; `run` returns when it is done."""
        self._stop.set()

    async def run(self) -> ExitCode:
        """The part, until told to end."""
        code = ExitCode.OK
        try:
            await self._instance.claim()
            await self._serve()
        except* (WrongSchema, Fatal, AlreadyRunning) as errors:
            log.critical("fatal reason=%r", str(errors.exceptions[0]))
            code = ExitCode.UNAVAILABLE
        finally:
            self._listener.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(END_WITHIN):
                    await self._instance.release()
        log.info("stopped code=%d", code)
        return code

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        if self._on_hangup is not None:
            loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._part.run()),
                tasks.create_task(self._instance.watch()),
                tasks.create_task(self._process.watch_event_loop()),
                tasks.create_task(serve(self._app, self._listener)),
                tasks.create_task(beat(self._settings.heartbeat, self)),
                tasks.create_task(tell_systemd(self)),
            ]
            await self._stop.wait()
            log.info("stopping")
            for task in running:
                task.cancel()


class Nowhere:
    """`portal.health.DeliverySink` of a process without a pipeline."""

    async def submit(self, source: str, topic: str, payload: bytes, received_at: datetime) -> None:  # noqa: ARG002
        """Take nothing.

        Raises:
            Unavailable: always.
        """
        raise Unavailable("no_pipeline")
