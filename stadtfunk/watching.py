"""`Renewal`: decoders and mapping of a running service, renewed when their files change or when a signal asks for it.

Files are looked at every second and taken over when they rest: a file that an editor is still writing is not read. A
renewal is all or nothing, but for one exception that helps: a private decoder whose file is broken now goes on in its
old version, while the others are renewed.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from config.problems import ConfigurationError
from config.settings import Settings
from decoders.mapping import DeviceMapping, MappingError
from decoders.registry import LeftOut, RegistryError
from stadtfunk.decoding import log_left_out, registry, sources

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds. A look costs a few system calls."""


class FileState(NamedTuple):
    """What changes when a file is written or replaced."""

    modified: int
    size: int
    inode: int


Snapshot = Mapping[Path, FileState]


class RenewalMetrics(Protocol):
    """Who counts renewals."""

    def reloaded(self, *, ok: bool) -> None:
        """Decoders were taken over, or the old ones stayed."""

    def decoder_files_broken(self, files: int) -> None:
        """So many files or packages of outsiders are left out, or go on in an old version."""


class Renewal:
    """Keeps decoders and mapping as the files say.

    Args:
        use: takes a new mapping over, in between two batches.
        reread: gives the settings anew; None: they never change.
        look_every: seconds between two looks at the files.

    Raises:
        RegistryError, MappingError: with every problem.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: RenewalMetrics,
        *,
        use: Callable[[DeviceMapping], None],
        reread: Callable[[], Settings] | None = None,
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._metrics = metrics
        self._use = use
        self._reread = reread
        self._look_every = look_every if settings.watch else None
        self._asked = asyncio.Event()
        self._taken = snapshot(settings)
        self._settings = settings
        self._registry = registry(settings)
        self.mapping = DeviceMapping(settings.mapping, self._registry)
        self._tell(before=())

    @property
    def settings(self) -> Settings:
        """The settings that were taken over last."""
        return self._settings

    def ask(self) -> None:
        """Renew now, whether files have changed or not."""
        self._asked.set()

    async def run(self) -> None:
        """Renew until cancelled."""
        seen = self._taken
        while True:
            asked = await self._asked_for()
            now = await asyncio.to_thread(snapshot, self._settings)
            if asked or (now == seen and now != self._taken):
                await self._renew(now, reread=asked or _changed(self._settings.file, self._taken, now))
                now = self._taken
            seen = now

    async def _asked_for(self) -> bool:
        """Wait for the next look; True when somebody asks before it is due."""
        try:
            async with asyncio.timeout(self._look_every):
                await self._asked.wait()
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    async def _renew(self, now: Snapshot, *, reread: bool) -> None:
        """Take over what the files say, or leave everything as it is and say why."""
        settings, ok = await self._new_settings() if reread else (self._settings, True)
        watched = await asyncio.to_thread(snapshot, settings)  # a changed configuration may name other files
        self._taken = {path: now.get(path, state) for path, state in watched.items()}
        before = self._registry.problems
        try:
            found = await asyncio.to_thread(registry, settings, previous=self._registry)
            mapping = DeviceMapping(settings.mapping, found)
        except (RegistryError, MappingError) as error:
            log.error("reload_failed reason=%r", str(error))
            self._metrics.reloaded(ok=False)
            return
        self._settings, self._registry, self.mapping = settings, found, mapping
        self._use(mapping)
        new = self._tell(before)
        self._metrics.reloaded(ok=ok and not new)
        if ok:
            log.info("reloaded decoders=%d", len(found.entries))

    async def _new_settings(self) -> tuple[Settings, bool]:
        """The settings as they are written now; the old ones when those cannot be used."""
        try:
            return (self._settings if self._reread is None else await asyncio.to_thread(self._reread)), True
        except ConfigurationError as error:
            log.error("reload_failed reason=%r", str(error))
            return self._settings, False

    def _tell(self, before: Sequence[LeftOut]) -> bool:
        """Log and count what is left out; True when there is something that was not told of before."""
        new = [problem for problem in self._registry.problems if problem not in before]
        log_left_out(new)
        self._metrics.decoder_files_broken(
            len({problem.where for problem in self._registry.problems if not problem.claim})
        )
        return bool(new)


def snapshot(settings: Settings) -> Snapshot:
    """The state of every file that decoders, tables, codecs and mapping come from."""
    return {path: state for path in sources(settings) if (state := _state(path)) is not None}


def _state(path: Path) -> FileState | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return FileState(found.st_mtime_ns, found.st_size, found.st_ino)


def _changed(path: Path | None, before: Snapshot, now: Snapshot) -> bool:
    return path is not None and before.get(path) != now.get(path)
