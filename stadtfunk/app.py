"""The composition root: builds every part from the settings, runs them in one `TaskGroup`, ends them in order.

Nothing connects before the configuration is proved: decoders, mapping, ports and locks come first. On SIGTERM or
Ctrl-C reading stops, what has arrived is stored (or spooled, if the database hangs), acks go out, and the process ends
with 0 within 5 seconds.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from alerts.charging.metrics import ChargingMetrics
from config.settings import Settings
from decoders.errors import defect_at
from decoders.mapping import DeviceMapping
from ingest.delivery import Delivery
from ingest.formats import Parser, WireFormat, parser_for
from ingest.metrics import Metrics
from ingest.mqtt.canary import canary_topic
from ingest.mqtt.subscription import subscribe
from ingest.outage import Outage
from ingest.pipeline import Pipeline
from ingest.preparation import Preparation
from ingest.replay import ReplayFile
from ingest.shadow import Shadow
from portal.app import create_app
from portal.health import Unavailable
from portal.server import bind, serve
from stadtfunk.certificates import certificate_files
from stadtfunk.database import running
from stadtfunk.decoding import log_left_out, registry
from stadtfunk.engine_part import EnginePart
from stadtfunk.exit_codes import ExitCode
from stadtfunk.heartbeat import beat
from stadtfunk.instance import AlreadyRunning, Instance, WrongSchema
from stadtfunk.notify import tell_systemd
from stadtfunk.part import Part
from stadtfunk.part_service import PartService
from stadtfunk.portal_part import PortalPart
from stadtfunk.process_metrics import ProcessMetrics
from stadtfunk.readiness import Readiness
from stadtfunk.upkeep import Upkeep
from stadtfunk.upkeep_metrics import UpkeepMetrics
from stadtfunk.watching import Renewal
from storage.batch import WriteResult
from storage.database import Connection, Role, connect
from storage.failures import Fatal
from storage.migrate import migrate
from storage.spool import Spool, SpoolLocked, SpoolUnavailable
from storage.writer import Writer

log = logging.getLogger(__name__)

FINISH_WITHIN = 3.0
"""Seconds for the last batches on SIGTERM, before a hanging write is given up for the spool."""
CLOSE_WITHIN = 1.0

GC_THRESHOLDS = (150_000, 20, 100)
"""Two batches make some hundred thousand objects that die together; Python's default looks for cycles among them again
and again: measured on the drain benchmark, a sixth of the service's CPU. But tasks leave a few cycles behind, and what
is not looked for is kept: with half a million, a flood of 5,000 messages a second grew by 80 MB, with this by 28."""


def run(settings: Settings, *, reread: Callable[[], Settings] | None = None, only: Part | None = None) -> ExitCode:
    """Run the service until SIGTERM or Ctrl-C.

    Args:
        reread: gives the settings anew, on SIGHUP and when their file has changed.
        only: the one part to run; None: everything that is enabled.

    Raises:
        RegistryError, MappingError, EmbeddedError, MigrationRefused, OSError: at start, nothing connected yet.
        PortalNotInstalled: the portal is enabled without its packages.
    """
    if only is Part.PORTAL:
        return run_portal(settings)
    if only is Part.ENGINE:
        return run_engine(settings, reread=reread)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with ExitStack() as resources:
        try:
            spool = Spool(settings.spool)
        except SpoolLocked as error:
            log.error("refused reason=%r", str(error))
            return ExitCode.REFUSED
        except SpoolUnavailable as error:
            log.critical("fatal reason=%r", str(error))
            return ExitCode.FAILURE
        resources.callback(spool.close)
        if settings.database.embedded:
            from storage.embedded import EmbeddedPostgres

            resources.enter_context(EmbeddedPostgres(settings.database.data_dir))
            asyncio.run(migrate(settings.database, settings.retention))
        return asyncio.run(Service(settings, spool, reread=reread, only=only).run())


def run_portal(settings: Settings) -> ExitCode:
    """Run the pages for people alone, until SIGTERM or Ctrl-C. Raises like `run`."""
    with running(settings.database):
        return asyncio.run(_portal(settings))


def run_engine(settings: Settings, *, reread: Callable[[], Settings] | None = None) -> ExitCode:
    """Run the alert engine alone, until SIGTERM or Ctrl-C."""
    with running(settings.database):
        return asyncio.run(_engine(settings, reread))


async def _engine(settings: Settings, reread: Callable[[], Settings] | None) -> ExitCode:
    registry = CollectorRegistry()
    part = EnginePart(settings, registry, ChargingMetrics(registry), reread=reread)
    on_hangup = None if reread is None else part.ask
    return await PartService(settings, part, role=Role.ALERTS, registry=registry, on_hangup=on_hangup).run()


async def _portal(settings: Settings) -> ExitCode:
    registry = CollectorRegistry()
    portal = PortalPart(settings, [ChargingMetrics(registry)], registry=registry)
    return await PartService(settings, portal, role=Role.PORTAL, registry=registry).run()


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: messages read, and what storing them changed."""

    messages: int
    result: WriteResult


async def replay(settings: Settings, file: ReplayFile) -> Replayed:
    """Store the messages of `file`, whose source the settings know; waits for a database that is away.

    Raises:
        KeyError: the settings know no such source.
        Fatal: the database refuses us.
    """
    connector = partial(connect, settings.database, role=Role.INGEST, application_name="stadtfunk replay")
    writer = Writer(connector, deadline=settings.database.timeouts.outer)
    pipeline = Pipeline(preparation(settings), writer, Outage(None), Metrics(CollectorRegistry()))
    try:
        await pipeline.consume(file, live=False)
        await pipeline.settle()
    finally:
        await pipeline.close()
        await writer.close()
    return Replayed(file.stored, pipeline.totals)


def preparation(settings: Settings) -> Preparation:
    """Decoders and mapping of `settings`, ready to prepare messages of every source.

    Raises:
        RegistryError, MappingError: with every problem.
    """
    decoders = registry(settings)
    log_left_out(decoders.problems)
    return Preparation(parsers(settings), DeviceMapping(settings.mapping, decoders))


def parsers(settings: Settings) -> Mapping[str, Parser]:
    """The parser of every source, MQTT and webhook, by its name."""
    formats = {source.name: source.format for source in settings.sources}
    formats |= {name: webhook.format for name, webhook in settings.http.webhooks.items()}
    return {name: parser_for(WireFormat(wire_format)) for name, wire_format in formats.items()}


class Service:
    """All parts of one running process.

    Args:
        spool: open and locked; the caller closes it.
        reread: gives the settings anew, on SIGHUP and when their file has changed.
        only: `Part.INGEST` leaves the alert engine and the portal out even where they are enabled.
    """

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        *,
        reread: Callable[[], Settings] | None = None,
        only: Part | None = None,
    ) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._metrics = Metrics(CollectorRegistry())
        self._writer = Writer(self._connector(Role.INGEST), deadline=settings.database.timeouts.outer)
        self._outage = Outage(spool)
        self._renewal = Renewal(settings, self._metrics, use=self._renew, reread=reread)
        self._shadow = Shadow(self._metrics)
        self._pipeline = Pipeline(
            Preparation(parsers(settings), self._renewal.mapping),
            self._writer,
            self._outage,
            self._metrics,
            shadow=self._shadow,
        )
        self.subscriptions = [subscribe(source) for source in settings.sources]
        self._instance = Instance(
            [f"source {source.client_id} at {source.host}:{source.port}" for source in settings.sources],
            self._connector(Role.INGEST),
        )
        self._upkeep = Upkeep(settings, self._connector(Role.MAINTENANCE), UpkeepMetrics(self._metrics.registry))
        canaries = {source.name: canary_topic(source) is not None for source in settings.sources}
        self._charging = ChargingMetrics(self._metrics.registry)
        self._engine = EnginePart(settings, self._metrics.registry, self._charging) if only is None else None
        parts = () if self._engine is None else (self._engine,)
        self._readiness = Readiness(
            self.subscriptions, self._instance, self._outage, canaries, parts, defects=lambda: self._metrics.defects
        )
        self._process = ProcessMetrics(
            self._metrics.registry,
            version=version("stadtfunk"),
            health=self._readiness,
            certificates=certificate_files(settings),
            folders=folders(settings),
        )
        self._watch(spool)
        self._app = create_app(
            self._readiness,
            self._metrics.registry,
            WebhookSink(self._pipeline),
            settings.http,
            differences=self._shadow.differences,
        )
        self._listener = bind(settings.http)
        self._portal = (
            PortalPart(settings, [self._charging], registry=self._metrics.registry)
            if settings.portal.enabled and only is None
            else None
        )

    @property
    def totals(self) -> WriteResult:
        """What this process has stored so far."""
        return self._pipeline.totals

    def stop(self) -> None:
        """Begin the orderly end; `run` returns when it is done."""
        self._stop.set()

    async def run(self) -> ExitCode:
        """Everything, until told to end."""
        code = ExitCode.OK
        try:
            await self._instance.claim()
            await self._serve()
        except* AlreadyRunning as errors:
            log.error("refused reason=%r", str(errors.exceptions[0]))
            code = ExitCode.REFUSED
        except* (WrongSchema, Fatal) as errors:
            log.critical("fatal reason=%r", str(errors.exceptions[0]))
            code = ExitCode.UNAVAILABLE
        except* Exception as errors:
            log.critical("ended_by_defect defect=%r", defect_at(errors.exceptions[0]))
            raise
        finally:
            self._listener.close()
            if self._portal is not None:
                self._portal.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN):
                    await self._pipeline.close()
                    await self._shadow.close()
                    await self._writer.close()
                    await self._instance.release()
        log.info("stopped code=%d", code)
        return code

    async def _serve(self) -> None:
        self._handle_signals()
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(self._pipeline.consume(one)) for one in self.subscriptions]
            links = [tasks.create_task(one.run()) for one in self.subscriptions]
            others = [tasks.create_task(one) for one in self._background()]
            log.info("started sources=%d", len(links))
            await self._stop.wait()
            log.info("stopping")
            await self._finish(readers)
            self._pipeline.hurry()  # what is being drained stays in the spool
            self._upkeep.abandon()
            await self._instance.release()  # before it is cancelled, for the same reason
            for task in (*links, *others):
                task.cancel()

    def _background(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the sources and is cancelled at the end."""
        return [
            *(() if self._engine is None else (self._engine.run(),)),
            *(() if self._portal is None else (self._portal.run(),)),
            self._pipeline.drain(),
            self._pipeline.heal(),
            self._instance.watch(),
            self._process.watch_event_loop(),
            serve(self._app, self._listener),
            beat(self._settings.heartbeat, self._readiness),
            tell_systemd(self._readiness),
            self._upkeep.run(),
            self._renewal.run(),
            self._shadow.run(),
        ]

    async def _finish(self, readers: list[asyncio.Task[None]]) -> None:
        """Read nothing more, store or spool what has arrived, acknowledge it, say goodbye to the brokers."""
        for subscription in self.subscriptions:
            subscription.stop_reading()
        if readers:
            _, late = await asyncio.wait(readers, timeout=FINISH_WITHIN)
            if late:
                log.warning("finishing_late readers=%d", len(late))
                self._pipeline.hurry()
                _, stuck = await asyncio.wait(late, timeout=CLOSE_WITHIN)
                for reader in stuck:  # neither database nor spool: unacknowledged, it stays with the sender
                    reader.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await asyncio.gather(*(subscription.close() for subscription in self.subscriptions))

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._renewal.ask)

    def _renew(self, mapping: DeviceMapping) -> None:
        """Other decoders from the next batch on, other rules from the next turn on; sources stay those of the start."""
        self._pipeline.reload(Preparation(parsers(self._settings), mapping))
        if self._engine is not None:
            self._engine.use(self._renewal.settings)

    def _watch(self, spool: Spool) -> None:
        self._metrics.watch_links(lambda: {one.source: one.state for one in self.subscriptions})
        for name in self._settings.http.webhooks:
            self._metrics.add_source(name)
        self._metrics.watch_spool(
            messages=lambda: spool.depth,
            size=lambda: spool.bytes,
            oldest=lambda: spool.oldest,
            limit=self._settings.spool.max_bytes,
        )
        self._metrics.watch_unstored(lambda: min(_known(self._pipeline.oldest_unstored, spool.oldest), default=None))

    def _connector(self, role: Role) -> Callable[[], Coroutine[Any, Any, Connection]]:
        return partial(connect, self._settings.database, role=role, application_name=f"stadtfunk {role.name.lower()}")


class WebhookSink:
    """`portal.health.DeliverySink`: a webhook's message goes the same way as every other."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def submit(self, source: str, topic: str, payload: bytes, received_at: datetime) -> None:
        """Return when the message is committed or spooled.

        Raises:
            Unavailable: neither is possible now.
        """
        try:
            await self._pipeline.submit([Delivery(source, topic, payload, received_at)], live=True)
        except SpoolUnavailable:
            raise Unavailable("spool") from None


def folders(settings: Settings) -> dict[str, Path]:
    """Folders of the ingest whose disk can become full, by name."""
    found = {"spool": settings.spool.path.parent}
    return found | ({"database": settings.database.data_dir} if settings.database.embedded else {})


def _known(*times: datetime | None) -> list[datetime]:
    return [at for at in times if at is not None]
