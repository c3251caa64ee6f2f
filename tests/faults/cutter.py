"""A proxy before PostgreSQL that cuts the connection in the middle of a COMMIT: nobody knows whether it happened."""

import asyncio
import random
from contextlib import suppress

from tests.support.chaosproxy import CHUNK, ChaosProxy

COMMIT = b"COMMIT\0"
"""The text of the statement in PostgreSQL's protocol, ended by a NUL."""


class CommitCutter(ChaosProxy):
    """Cuts at every n-th COMMIT, at random just before it reaches the server or a moment after.

    Attributes:
        cuts: how often it has cut so far.
        armed: whether it cuts at all.
    """

    def __init__(self, upstream: tuple[str, int], order: random.Random, *, every: int) -> None:
        super().__init__(upstream)
        self.cuts = 0
        self.armed = True
        self._order = order
        self._every = every
        self._seen = 0

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, to_server: bool) -> None:
        while data := await source.read(CHUNK):
            cut = to_server and self._is_due(data)
            if not (cut and self._order.random() < 0.25):
                target.write(data)
                with suppress(ConnectionError):
                    await target.drain()
            if cut:
                await asyncio.sleep(self._order.choice((0, 0.0005, 0.002)))
                self.cuts += 1
                self.reset()
                return
        target.transport.abort()

    def _is_due(self, data: bytes) -> bool:
        if not self.armed or COMMIT not in data:
            return False
        self._seen += 1
        return self._seen % self._every == 0
