"""Changes of cases as server-sent events: one listening connection per process, and any number of readers.

An event says only that something changed; the page then asks for its part again, so that there is one way to draw it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final

import psycopg

from portal.services import PortalServices
from storage.failures import Fatal, Retryable

logger = logging.getLogger(__name__)

CHANNEL: Final = "stadtfunk_alerts"
BEAT_SECONDS: Final = 15.0
"""A reader that hears nothing for longer has no connection."""
COALESCE_SECONDS: Final = 0.3
STREAM_SECONDS: Final = 900.0
"""After this a stream ends and the browser opens the next, with its login checked again."""
MOST_READERS: Final = 120
_RETRY_SECONDS: Final = 3.0


class Changes:
    """Counts changes and wakes who waits for the next."""

    def __init__(self) -> None:
        self.version = 0
        self._waiting: set[asyncio.Event] = set()

    @property
    def readers(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def announce(self) -> None:
        """Something changed."""
        self.version += 1
        for one in self._waiting:
            one.set()

    async def after(self, version: int, seconds: float) -> int:
        """The version, as soon as it is another than `version`, or after `seconds`."""
        if self.version == version:
            changed = asyncio.Event()
            self._waiting.add(changed)
            try:
                async with asyncio.timeout(seconds):
                    await changed.wait()
            except TimeoutError:
                pass
            finally:
                self._waiting.discard(changed)
        return self.version


CHANGES: Final = Changes()
"""Of this process: all pages of all users wait here."""


async def listen(services: PortalServices, changes: Changes = CHANGES) -> None:
    """Announce what the database notifies of, until cancelled; a lost connection is opened again."""
    try:
        while True:
            try:
                await _listen(services, changes)
            except (Retryable, Fatal, psycopg.Error) as error:
                logger.warning("inbox_not_listening reason=%s", type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)
            changes.announce()  # what happened meanwhile
    finally:
        changes.announce()  # streams look whether they shall stop


async def stream(services: PortalServices, changes: Changes = CHANGES) -> AsyncIterator[str]:
    """The lines of one reader's stream."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + STREAM_SECONDS
    version = changes.version
    yield f"retry: 3000\nevent: hello\ndata: {version}\n\n"
    while loop.time() < ends and not services.stopping.is_set():
        seen, version = version, await changes.after(version, BEAT_SECONDS)
        if version == seen:
            yield "event: beat\ndata:\n\n"
            continue
        await asyncio.sleep(COALESCE_SECONDS)
        version = changes.version
        yield f"event: change\ndata: {version}\n\n"


async def _listen(services: PortalServices, changes: Changes) -> None:
    async with await services.connect() as connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        logger.info("inbox_listening channel=%s", CHANNEL)
        async for _notification in connection.notifies():
            changes.announce()
