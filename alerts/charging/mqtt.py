"""Status messages from a broker: subscribed at QoS 1 with a session that the broker keeps, acknowledged when stored.

A retained message is the last word of its topic and no sign that anybody is there; every other one is a contact.
"""

import asyncio
import logging
import random
from datetime import datetime
from typing import Final

import aiomqtt
import psycopg
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from alerts.charging.exchange import ErrorKind, SourceError
from alerts.charging.intake import Learned, take
from alerts.charging.messages import read_message
from alerts.charging.metrics import ChargingMetrics
from alerts.charging.polling import Clock, HeldConnection, SourceHealth, attempt, utc_now
from alerts.charging.settings import MqttSettings
from storage.failures import Action, Fatal, Retryable, action_for

logger = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 10.0
LONGEST_WAIT_SECONDS: Final = 30.0
SESSION_SECONDS: Final = 86_400
IN_FLIGHT: Final = 100


class MqttSource:
    """Takes the messages of one broker.

    Args:
        database: with the alerts' rights.
    """

    def __init__(
        self,
        name: str,
        settings: MqttSettings,
        database: HeldConnection,
        metrics: ChargingMetrics,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self.health = SourceHealth(name, "mqtt", problem="not connected yet")
        self._name = name
        self._settings = settings
        self._database = database
        self._metrics = metrics
        self._clock = clock

    async def run(self) -> None:
        """Take messages until cancelled; connects again when the connection ends."""
        while True:
            await attempt(self._listen, self.health, self._metrics)
            wait = min(LONGEST_WAIT_SECONDS, 0.5 * 2.0 ** min(self.health.failures, 10))
            await asyncio.sleep(random.uniform(wait / 2, wait))

    async def _listen(self) -> None:
        """One connection, from its begin to its end.

        Raises:
            SourceError: how it ended.
            OSError: a file of the configuration cannot be used.
        """
        client = self._client()
        client._client.manual_ack_set(True)  # aiomqtt acknowledges what is only in its queue
        try:
            async with client:
                await client.subscribe(self._settings.topic, qos=1, timeout=CONNECT_SECONDS)
                self.health.problem, self.health.failures = "", 0
                logger.info("charging_subscribed source=%s", self._name)
                async for message in client.messages:
                    await self._take(bytes(message.payload), self._clock(), retained=message.retain)
                    client._client.ack(message.mid, message.qos)
        except aiomqtt.MqttError as error:
            raise SourceError(ErrorKind.UNREACHABLE, str(error)) from None

    async def _take(self, payload: bytes, received_at: datetime, *, retained: bool) -> None:
        """Store what a message says; return when it is stored, or will never be."""
        try:
            message = read_message(
                payload, source=self._name, received_at=received_at, evse_ids=self._settings.evse_ids
            )
        except SourceError as error:
            self._metrics.failed(self._name, error.kind)
            logger.warning("charging_message_refused source=%s reason=%r", self._name, str(error))
            return
        contact = None if retained else received_at
        create = self._settings.everything
        learned = Learned(self._name, message.statuses, contact_at=contact, problems=message.problems, create=create)
        while True:
            if await self._stored(learned):
                return
            await asyncio.sleep(random.uniform(0.5, 1.5))

    async def _stored(self, learned: Learned) -> bool:
        """False when it should be tried again."""
        try:
            async with self._database.use() as connection:
                await take(connection, learned, self._metrics)
        except (Retryable, Fatal, psycopg.Error) as error:
            self._metrics.failed(self._name, ErrorKind.DATABASE)
            logger.warning("charging_store_failed source=%s reason=%s", self._name, type(error).__name__)
            return isinstance(error, psycopg.Error) and action_for(error) is Action.ISOLATE
        if learned.contact_at is not None:
            self.health.last_contact_at = learned.contact_at
        return True

    def _client(self) -> aiomqtt.Client:
        settings, five = self._settings, self._settings.mqtt_version == "5"
        password = settings.read_password()
        return aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.username,
            password=None if password is None else password.get_secret_value(),
            identifier=settings.client_id,
            protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            clean_session=None if five else False,
            clean_start=False if five else MQTT_CLEAN_START_FIRST_ONLY,
            properties=_session() if five else None,
            keepalive=settings.keepalive,
            timeout=CONNECT_SECONDS,
            tls_context=None if settings.tls is None else settings.tls.context(),
        )


def _session() -> Properties:
    """The broker keeps our session for a day, and sends no more than we can hold."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_SECONDS
    properties.ReceiveMaximum = IN_FLIGHT
    return properties
