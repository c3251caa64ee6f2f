"""Libraries that wait in the calling thread, in threads of the channel's own.

They must not use the threads in which the rest of the program looks names up: a mail server that hangs would stop the
reconnect of a broker.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """At most `count` calls at the same time; further ones wait for a thread."""

    def __init__(self, name: str, count: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=count, thread_name_prefix=name)

    async def run(self, work: Callable[[], T], *, abort: Callable[[], None]) -> T:
        """The result of `work`; when the caller is cancelled, `abort` shall make the thread end soon."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except asyncio.CancelledError:
            abort()
            raise

    def close(self) -> None:
        """Take no more work; threads end with what they are doing."""
        self._pool.shutdown(wait=False, cancel_futures=True)
