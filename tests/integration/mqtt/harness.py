"""What the MQTT tests share: the flavours of transport, a running subscription, and waiting for a condition."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from ingest.delivery import Delivery, LinkState, Subscription
from ingest.mqtt.backoff import Backoff
from ingest.mqtt.subscription import subscribe
from ingest.settings import SourceSettings

FILTER = "application/+/device/+/event/+"
UP = "application/a0/device/0004a30b001a2b3c/event/up"
SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Flavour:
    """A transport and the protocol that it speaks."""

    transport: str
    mqtt_version: str = "3.1.1"

    @property
    def speaks_mqtt5(self) -> bool:
        return self.transport == "mqtt5" or self.mqtt_version == "5"

    def settings(self, port: int, **options: object) -> SourceSettings:
        """Settings for a broker on loopback; no canary unless it is asked for."""
        given = {
            "name": "test",
            "host": "127.0.0.1",
            "port": port,
            "transport": self.transport,
            "mqtt_version": self.mqtt_version,
            "topics": [FILTER],
            "canary": {"enabled": False},
        }
        return SourceSettings.model_validate(given | options)


MQTT5 = Flavour("mqtt5")
PAHO = Flavour("paho")
PAHO5 = Flavour("paho", "5")
FLAVOURS = {"mqtt5": MQTT5, "paho-3.1.1": PAHO, "paho-5": PAHO5}


def quick() -> Backoff:
    """A back-off for tests: the shape of the real one, a tenth of its times."""
    return Backoff(first=0.02, base=0.1, ceiling=0.5, settled=5)


@dataclass(slots=True)
class Running:
    """A subscription that runs inside `async with`; at the end it is killed, as a process would be, unless closed."""

    settings: SourceSettings
    backoff: Backoff = field(default_factory=quick)
    subscription: Subscription = field(init=False)
    _run: "asyncio.Task[None]" = field(init=False)
    _left: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.subscription = subscribe(self.settings, backoff=self.backoff)

    @property
    def state(self) -> LinkState:
        return self.subscription.state

    async def __aenter__(self) -> Self:
        self._run = asyncio.create_task(self.subscription.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._run

    async def subscribed(self) -> Self:
        """Wait until the broker has granted the subscription."""
        await self.until(lambda: self.state.subscribed)
        return self

    async def until(self, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Wait for a condition; fails with the state when it does not come, or when `run()` ends."""
        try:
            await until(lambda: condition() or self._run.done(), seconds)
        except TimeoutError:
            raise AssertionError(f"it did not happen within {seconds} s; {self.state}") from None
        if not condition():
            self._run.result()
            raise AssertionError(f"run() has returned; {self.state}")

    async def take(self, count: int, seconds: float = SECONDS) -> list[Delivery]:
        """Exactly the next `count` deliveries, without acks; what came with them is kept for the next call."""
        taken, self._left = self._left, []
        try:
            async with asyncio.timeout(seconds):
                while len(taken) < count:
                    taken += await anext(self.subscription.batches())
        except TimeoutError:
            raise AssertionError(f"{len(taken)} of {count} arrived; {self.state}") from None
        self._left = taken[count:]
        return taken[:count]

    async def handle(self, count: int, seconds: float = SECONDS) -> list[Delivery]:
        """The next `count` deliveries, each acknowledged as it comes."""
        taken: list[Delivery] = []
        for _ in range(count):
            [delivery] = await self.take(1, seconds)
            self.subscription.ack([delivery])
            taken.append(delivery)
        return taken

    async def round_trip(self) -> None:
        """After this, the broker has handled all that we sent before, and we what it had sent."""
        await self.subscription.publish("elsewhere", b"ping")

    async def close(self) -> None:
        """An orderly end; `run()` must return."""
        await self.subscription.close()
        async with asyncio.timeout(SECONDS):
            await self._run


async def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come.
    """
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def numbered(count: int, *, size: int = 0, topic: str = UP) -> list[tuple[str, bytes]]:
    """Messages with their number as payload, padded to `size`."""
    return [(topic, str(number).encode().ljust(size)) for number in range(count)]


def numbers(deliveries: list[Delivery]) -> list[int]:
    """The numbers of `numbered` messages."""
    return [int(delivery.payload) for delivery in deliveries]
