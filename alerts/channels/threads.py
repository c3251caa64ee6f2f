"""Libraries that wait in the calling thread, in threads of the channel's own.

They must not use the threads in which the rest of the program looks names up: a mail server that hangs would stop the
reconnect of a broker. The threads are daemons, so that none holds up the end of the program.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """At most `count` calls at the same time; a further one waits until a thread has really ended."""

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._free = asyncio.Semaphore(count)

    async def run(self, work: Callable[[], T], *, abort: Callable[[], None]) -> T:
        """The result of `work`; when the caller is cancelled, `abort` shall make the thread end soon."""
        await self._free.acquire()
        result: Future[T] = Future()
        result.set_running_or_notify_cancel()  # from here on it ends with the thread only
        loop = asyncio.get_running_loop()
        Thread(target=self._call, args=(work, result, loop), name=self._name, daemon=True).start()
        try:
            return await asyncio.wrap_future(result)
        except asyncio.CancelledError:
            abort()
            raise

    def _call(self, work: Callable[[], T], result: "Future[T]", loop: asyncio.AbstractEventLoop) -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001 - the caller gets it
            result.set_exception(error)
        finally:
            with suppress(RuntimeError):  # the program has ended meanwhile
                loop.call_soon_threadsafe(self._free.release)
