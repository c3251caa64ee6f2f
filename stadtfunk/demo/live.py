"""The simulated city live: it publishes over MQTT what happens now, at QoS 1, as ChirpStack and gateways do.

The stream takes over where the history ended: what came in the last minutes is published at once, like the buffer of a
gateway that returns; then every message waits for its time.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiomqtt import Client, MqttError

from stadtfunk.demo.city import DemoCity
from stadtfunk.demo.clock import DAY, SECOND, moment, nanoseconds
from stadtfunk.demo.message import Message
from stadtfunk.demo.settings import DemoSettings
from stadtfunk.demo.stream import CityStream

logger = logging.getLogger(__name__)

_NETWORK_SECONDS = 5.0
_LONGEST_NAP = 1.0
_RECONNECT_SECONDS = (0.5, 15.0)
_REPORT_EVERY = 1000


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Where and as whom to publish; with `ca_file` over TLS, to a broker whose certificate that CA signed."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None

    def tls(self) -> ssl.SSLContext | None:
        """How the broker is checked; None for plain MQTT."""
        return None if self.ca_file is None else ssl.create_default_context(cafile=self.ca_file)


class LiveCity:
    """Publishes from `begins_at` on until `stop` is set or the parent process is gone.

    Args:
        speed: how many times faster than real time the city's clock runs from `begins_at` on. Messages carry the
            city's time, so above 1 it runs ahead of real time.
    """

    def __init__(
        self, settings: DemoSettings, access: BrokerAccess, *, begins_at: datetime, speed: float, stop: asyncio.Event
    ) -> None:
        self._access = access
        self._stream = CityStream(DemoCity(settings))
        self._begins_at = nanoseconds(begins_at)
        self._speed = speed
        self._stop = stop
        self._parent = os.getppid()
        self._messages: Iterator[Message] = iter(())
        self._unsent: Message | None = None
        self.published = 0

    async def run(self) -> None:
        """Publish, reconnecting with growing pauses, until told to stop."""
        self._stream.wind(self._begins_at - DAY)
        start = self._stream.live_start(self._begins_at)
        self._messages = self._stream.messages(start)
        logger.info("live_begins burst_from=%s", moment(start).isoformat())
        pause = _RECONNECT_SECONDS[0]
        while not self._stopped():
            before = self.published
            try:
                await self._publish_all()
            except (MqttError, TimeoutError) as error:
                if self.published > before:
                    pause = _RECONNECT_SECONDS[0]
                logger.warning("broker_lost error=%s retry_in=%.1f", type(error).__name__, pause)
                await self._nap(pause)
                pause = min(2 * pause, _RECONNECT_SECONDS[1])
        logger.info("live_ends published=%d", self.published)

    async def _publish_all(self) -> None:
        access = self._access
        async with Client(
            access.host,
            access.port,
            username=access.username,
            password=access.password,
            identifier="stadtfunk-demo-city",
            timeout=_NETWORK_SECONDS,
            tls_context=access.tls(),
        ) as client:
            for message in self._stream.connections(self._now()):
                await self._publish(client, message)
            while not self._stopped():
                self._unsent = self._unsent or next(self._messages)
                if await self._reached(self._unsent.at):
                    await self._publish(client, self._unsent)
                    self._unsent = None
                    self.published += 1
                    if self.published % _REPORT_EVERY == 0:
                        logger.info(
                            "published messages=%d city_time=%s", self.published, moment(self._now()).isoformat()
                        )

    async def _publish(self, client: Client, message: Message) -> None:
        await client.publish(message.topic.decode(), message.payload, qos=1, retain=message.retain)

    async def _reached(self, at: int) -> bool:
        """Wait until the city's clock shows `at`; False when told to stop before."""
        while (missing := at - self._now()) > 0:
            if self._stopped():
                return False
            await self._nap(min(_LONGEST_NAP, missing / SECOND / self._speed))
        return True

    def _now(self) -> int:
        real = nanoseconds(datetime.now(UTC))
        return self._begins_at + int((real - self._begins_at) * self._speed)

    def _stopped(self) -> bool:
        return self._stop.is_set() or os.getppid() != self._parent

    async def _nap(self, seconds: float) -> None:
        """Sleep, but wake at once when told to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
