"""Who publishes the traffic: at a steady rate over broker restarts, or as fast as the broker takes it."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Self

from tests.support.publisher import Publisher
from tests.support.traffic import Message, Traffic

TICK_SECONDS = 0.05
RETRY_SECONDS = 0.05
FLUSH_SECONDS = 60.0

Login = Mapping[str, Any]
"""`username` and `password` of a publisher, or its `tls`."""


class Sender:
    """Publishes traffic at a steady rate from `async with` to its end, over broker restarts, like a network server.

    What the broker did not acknowledge before a connection ended is published again on the next one. At the end
    everything that was begun is acknowledged.

    Args:
        acknowledged: ids of what the broker acknowledged are added here.
        rate: messages per second.
        login: how to be let in by the broker.
    """

    def __init__(
        self, traffic: Traffic, acknowledged: set[str], port: int, *, rate: float, login: Login | None = None
    ) -> None:
        self._traffic = traffic
        self._acknowledged = acknowledged
        self._port = port
        self._rate = rate
        self._login = login or {}
        self._stop = asyncio.Event()
        self._go = asyncio.Event()
        self._go.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        if kind is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            return
        async with asyncio.timeout(FLUSH_SECONDS):
            await self._task

    def hold(self) -> None:
        """Publish nothing more, as a network server that has lost its broker and is slow to come back."""
        self._go.clear()

    def go_on(self) -> None:
        """Publish again."""
        self._go.set()

    async def _run(self) -> None:
        pace = _Pace(self._rate)
        open_messages: list[Message] = []
        while open_messages or not self._stop.is_set():
            try:
                await self._go.wait()
                async with Publisher(self._port, **self._login) as publisher:
                    while open_messages or not self._stop.is_set():
                        await self._go.wait()
                        open_messages = open_messages or self._traffic.take(pace.due())
                        await self._publish(publisher, open_messages)
                        await asyncio.sleep(TICK_SECONDS)
            except (OSError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _publish(self, publisher: Publisher, messages: list[Message]) -> None:
        """Publish all of `messages` and take from them what is acknowledged."""
        try:
            await publisher.publish_all([(message.topic, message.payload) for message in messages])
        finally:
            answered = set(publisher.acknowledged)
            publisher.acknowledged.clear()
            done = {message.id for message in messages if (message.topic, message.payload) in answered}
            self._acknowledged.update(done)
            messages[:] = [message for message in messages if message.id not in done]


class _Pace:
    """How many messages are due now; time in which none could be sent is not made up for."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._last = monotonic()
        self._rest = 0.0

    def due(self) -> int:
        now = monotonic()
        self._rest += min(now - self._last, 10 * TICK_SECONDS) * self._rate
        self._last = now
        count = int(self._rest)
        self._rest -= count
        return count


async def publish(
    messages: Sequence[Message], port: int, acknowledged: set[str], *, qos: int = 1, login: Login | None = None
) -> None:
    """Publish `messages` in order as fast as the broker takes them; returns when it has answered them all."""
    async with Publisher(port, **(login or {})) as publisher:
        await publisher.publish_all([(message.topic, message.payload) for message in messages], qos=qos)
        if qos:
            assert len(publisher.acknowledged) == len(messages), f"the broker refused {len(publisher.refused)} messages"
            acknowledged.update(message.id for message in messages)
