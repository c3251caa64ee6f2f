"""MQTT 5 over the codec `mqtt5`: the fast transport."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import mqtt5

from ingest.delivery import Capabilities
from ingest.mqtt.errors import as_link_error
from ingest.mqtt.intake import Intake
from ingest.mqtt.link import ANSWER_SECONDS
from ingest.mqtt.mqtt5_link import Mqtt5Link
from ingest.mqtt.tls import client_context
from ingest.settings import SourceSettings


class Mqtt5Transport:
    """Makes MQTT 5 connections for one source."""

    capabilities = Capabilities(session_expiry=True, receive_maximum=True, shared_subscription=True)

    def __init__(self, settings: SourceSettings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock

    async def connect(self, intake: Intake) -> Mqtt5Link:
        """Connect and wait until the broker accepts us.

        Raises:
            LinkError: unreachable, refused, or no answer in time.
        """
        link = Mqtt5Link(intake, self._settings, self._clock)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._open(link)
                await link.accepted(self._connect_packet())
        except OSError as error:
            raise as_link_error(error, f"{self._settings.host}:{self._settings.port}") from None
        finally:
            if not link.open:
                link.abort()
        return link

    async def _open(self, link: Mqtt5Link) -> None:
        settings, tls = self._settings, self._settings.tls
        await asyncio.get_running_loop().create_connection(
            lambda: link,
            settings.host,
            settings.port,
            ssl=None if tls is None else client_context(tls),
            server_hostname=None if tls is None else tls.server_name or settings.host,
            happy_eyeballs_delay=0.25,
        )

    def _connect_packet(self) -> mqtt5.ConnectPacket:
        settings = self._settings
        password = settings.read_password()
        return mqtt5.ConnectPacket(
            settings.client_id,
            username=settings.username,
            password=None if password is None else password.encode(),
            clean_start=False,
            keep_alive=settings.keepalive,
            session_expiry_interval=settings.session_expiry,
            receive_max=settings.receive_maximum,
            max_packet_size=settings.max_packet_bytes,
        )
