"""MQTT 3.1.1 and 5 through aiomqtt on paho: the transport for The Things Stack and brokers without MQTT 5.

A new client is made for every connection, because a used one would hand out its old queue again.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from ingest.delivery import Capabilities
from ingest.mqtt.errors import LinkError, LinkRefused, as_link_error
from ingest.mqtt.intake import Intake
from ingest.mqtt.link import GOODBYE_SECONDS, Answer, answered
from ingest.mqtt.paho_client import PahoClient
from ingest.settings import SourceSettings

MISC_SECONDS = 1.0
"""How often paho looks at its keepalive."""


class PahoTransport:
    """Makes connections through paho for one source.

    Args:
        forget: ask an MQTT 3.1.1 broker for a session that ends with the connection.
    """

    def __init__(self, settings: SourceSettings, clock: Callable[[], datetime], *, forget: bool = False) -> None:
        five = settings.mqtt_version == "5"
        self.capabilities = Capabilities(session_expiry=five, receive_maximum=five, shared_subscription=True)
        self._settings = settings
        self._clock = clock
        self._forget = forget

    async def connect(self, intake: Intake) -> "PahoLink":
        """Connect and wait until the broker accepts us.

        Raises:
            LinkError: unreachable, refused, or no answer in time.
        """
        settings = self._settings
        try:
            client = PahoClient(settings, intake, self._clock, forget=self._forget)
        except OSError as error:
            raise as_link_error(error, settings.host) from None
        try:
            await client.__aenter__()
        except MqttConnectError:
            raise LinkRefused(f"the broker refused the connection: {client.connect_refusal}") from None
        except aiomqtt.MqttError as error:
            raise client.connect_failure or LinkError(f"{settings.host}:{settings.port}: {error}") from None
        finally:
            if not client.is_connected:
                client.cut(None)
        return PahoLink(client)


class PahoLink:
    """One connection through paho."""

    def __init__(self, client: PahoClient) -> None:
        self.session_present = client.session_present
        self.session_seconds = client.session_seconds
        self._client = client
        self._publishing = asyncio.Lock()

    async def subscribe(self, filters: Sequence[str], *, qos: int, retained: bool = False) -> dict[str, str]:
        """Subscribe; returns the refused filters with the broker's reason."""
        codes = await self._answer(self._client.subscribe_to(filters, qos, retained=retained), "SUBSCRIBE")
        return {topic: str(code).lower() for topic, code in zip(filters, codes, strict=True) if code.is_failure}

    async def publish(self, topic: str, payload: bytes, *, qos: int) -> None:
        """Publish one message; with QoS 1 returns when the broker has it."""
        async with self._publishing:
            self._client.publish_refusal = ""
            await self._answer(self._client.publish(topic, payload, qos, timeout=math.inf), "PUBLISH")
            if self._client.publish_refusal:
                raise LinkRefused(f"the broker refused to publish on {topic}: {self._client.publish_refusal}")

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Send one PUBACK each, in this order."""
        self._client.acknowledge(packet_ids)

    def pause(self) -> None:
        """Read no more; PINGREQ goes on."""
        self._client.pause()

    def resume(self) -> None:
        """Read again."""
        self._client.resume()

    async def ended(self) -> LinkError | None:
        """Keep the connection alive until it ends; returns why, None after `disconnect()`."""
        ended = self._client.ended
        while not ended.done():
            await asyncio.wait({ended}, timeout=MISC_SECONDS)
            self._client.keep_alive()
        return ended.result()

    async def disconnect(self) -> None:
        """Send what is pending, say goodbye and close; the broker keeps the session."""
        if not self._client.ended.done():
            self._client.say_goodbye()
            await asyncio.wait({self._client.ended}, timeout=GOODBYE_SECONDS)
        self.abort()

    def abort(self, error: LinkError | None = None) -> None:
        """Cut the connection; `ended()` returns `error`."""
        self._client.cut(error)

    async def _answer(self, answer: Awaitable[Answer], what: str) -> Answer:
        try:
            return await answered(
                answer,
                what,
                ended=self._client.ended,
                paused=lambda: not self._client.reading,
                delivered=lambda: self._client.delivered,
            )
        except aiomqtt.MqttError as error:
            raise LinkError(f"{what}: {error}") from None
