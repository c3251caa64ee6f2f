"""aiomqtt's client, taught what a consumer needs that must lose nothing.

aiomqtt 2.5.1 acknowledges a message when it enters its own queue, and hides what a safe consumer needs. So its
client is subclassed: manual acks, the CONNACK's flags, PUBACK reasons, and a reader that can pause. The parts of
aiomqtt and paho that are not public are used here and nowhere else.
"""

import asyncio
import logging
import math
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, PINGREQ, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.client import Client as Paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.delivery import Delivery
from ingest.mqtt.errors import LinkError, LinkLost, LinkRefused, MalformedStream, as_link_error, closed_unasked
from ingest.mqtt.intake import Intake
from ingest.mqtt.link import ANSWER_SECONDS
from ingest.mqtt.tls import client_context
from ingest.settings import SourceSettings

TCP_SECONDS = 4.0
"""For the TCP connect and again for the TLS handshake; both block a thread that cannot be interrupted."""
KEEPALIVE_PART = 0.75
"""paho needs up to two keepalives and two seconds to notice a dead connection; with this, at most two of ours."""
DISCONNECT_PACKET = b"\xe0\x00"
BURST = 100
"""Messages that are read before the event loop gets its turn."""

wire_logger = logging.getLogger(f"{__name__}.wire")
wire_logger.setLevel(logging.CRITICAL)  # paho logs topics; what matters of its errors is logged by the subscription


class PahoClient(aiomqtt.Client):
    """A client for one connection; `_client` is the paho client inside it."""

    def __init__(
        self, settings: SourceSettings, intake: Intake, clock: Callable[[], datetime], *, forget: bool = False
    ) -> None:
        five = settings.mqtt_version == "5"
        super().__init__(
            settings.host,
            settings.port,
            username=settings.username,
            password=settings.read_password(),
            identifier=settings.client_id,
            protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            clean_session=None if five else forget,
            clean_start=False if five else MQTT_CLEAN_START_FIRST_ONLY,
            properties=_connect_properties(settings) if five else None,
            keepalive=max(1, int(settings.keepalive * KEEPALIVE_PART)),
            tls_context=None if settings.tls is None else client_context(settings.tls),
            timeout=ANSWER_SECONDS,
            logger=wire_logger,
        )
        self._client.manual_ack_set(True)
        self._client.connect_timeout = TCP_SECONDS
        self.ended: asyncio.Future[LinkError | None] = self._loop.create_future()
        self.connect_failure: LinkError | None = None
        self.session_present = False
        self.session_seconds: int | None = None
        self.connect_refusal = ""
        self.publish_refusal = ""
        self.reading = True
        self._five = five
        self._intake = intake
        self._clock = clock
        self._tls = settings.tls is not None
        self._client_id = settings.client_id
        self._arrived = 0
        self._leaving = False

    # ---- for the link

    @property
    def delivered(self) -> int:
        """How many messages this connection has delivered so far."""
        return self._intake.delivered

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted us and nothing has ended since."""
        accepted = self._connected.done() and not self._connected.cancelled() and self._connected.exception() is None
        return accepted and not self.ended.done()

    async def subscribe_to(self, filters: Sequence[str], qos: int, *, retained: bool) -> list[ReasonCode]:
        """The broker's reason code for each filter."""
        topics: list[tuple[str, int]] | list[tuple[str, SubscribeOptions]]
        if self._five:
            always, if_new = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE, SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
            options = SubscribeOptions(qos, retainAsPublished=False, retainHandling=always if retained else if_new)
            topics = [(topic, options) for topic in filters]
        else:
            topics = [(topic, qos) for topic in filters]
        codes = await self.subscribe(topics, timeout=math.inf)
        return [code for code in codes if isinstance(code, ReasonCode)]

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Queue PUBACKs; paho writes them when the socket takes them."""
        if not self.ended.done():
            for packet_id in packet_ids:
                self._client.ack(packet_id, 1)

    def pause(self) -> None:
        """Take the socket out of the event loop's readers."""
        self.reading = False
        sock = self._client.socket()
        if sock is not None:
            self._loop.remove_reader(sock)

    def resume(self) -> None:
        """Read again, first what TLS may have decrypted already."""
        sock = self._client.socket()
        if not self.reading and sock is not None:
            self.reading = True
            self._loop.add_reader(sock, self._read)
            self._loop.call_soon(self._read)

    def keep_alive(self) -> None:
        """Let paho ping; while reading is paused the answer may lie unread, so it is not waited for."""
        if not self.reading:
            self._client._ping_t = 0.0
        self._client.loop_misc()

    def say_goodbye(self) -> None:
        """Queue DISCONNECT behind the acks, and read what still comes until the broker closes.

        paho's own `disconnect()` closes the socket at once; unread bytes then turn the close into a reset, and the
        broker misses the last acks. Under another name paho writes the packet and leaves the socket open.
        """
        self._leaving = True
        self._client._packet_queue(PINGREQ, DISCONNECT_PACKET, 0, 0)
        self.resume()

    def cut(self, error: LinkError | None) -> None:
        """Close the socket now; one that a thread is still opening is closed when it is open."""
        self._end(error)
        self._client._reset_sockets()

    # ---- what aiomqtt and paho call

    def _client_connect(self) -> None:
        """In a thread."""
        try:
            super()._client_connect()
        except OSError as error:
            # aiomqtt keeps the text only
            self.connect_failure = as_link_error(error, f"{self._hostname}:{self._port}")
            raise

    def _on_socket_open(self, _client: Paho, _userdata: object, sock: socket.socket) -> None:
        """In a thread."""
        self._loop.call_soon_threadsafe(self._opened, sock)

    def _opened(self, sock: socket.socket) -> None:
        if self.ended.done():
            self._client._reset_sockets()
        elif sock.fileno() >= 0:
            # paho would wake its own loop, which does not run, through a pair of sockets: one write per packet
            self._client._reset_sockets(sockpair_only=True)
            self._loop.add_reader(sock, self._read)

    def _on_socket_register_write(self, _client: Paho, _userdata: object, sock: socket.socket) -> None:
        """In a thread while connecting."""
        self._loop.call_soon_threadsafe(self._start_writing, sock)

    def _start_writing(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0 and self._client.want_write():
            self._loop.add_writer(sock, self._write)

    def _on_connect(
        self,
        client: Paho,
        userdata: object,
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self.session_present = flags.session_present
        self.session_seconds = getattr(properties, "SessionExpiryInterval", None)
        self.connect_refusal = str(reason_code).lower()
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        _client: Paho,
        _userdata: object,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        _properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():
            self.connect_failure = closed_unasked(tls=self._tls)
            self._connected.set_exception(aiomqtt.MqttError(str(self.connect_failure)))
        self._end(None if self._leaving else self._why(reason_code, from_broker=flags.is_disconnect_packet_from_server))

    def _on_publish(
        self, client: Paho, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.is_failure:
            self.publish_refusal = str(reason_code).lower()
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_message(self, _client: Paho, _userdata: object, message: MQTTMessage) -> None:
        self._arrived += 1
        if self._leaving:
            return
        if "\0" in message.topic:
            raise ValueError("NUL in a topic")
        delivery = Delivery(
            self._intake.source,
            message.topic,
            bytes(message.payload),
            self._clock(),
            message.qos,
            message.retain,
            message.dup,
            self._intake.epoch,
            message.mid,
        )
        if not self._intake.deliver([delivery]):
            self.pause()

    # ---- the socket

    def _read(self) -> None:
        """Read messages until there are none, there is no room, or others should have their turn."""
        try:
            for _ in range(BURST):
                before = self._arrived
                if not self.reading or self.ended.done():
                    return
                self._client.loop_read()
                if self._arrived == before and not self._decrypted():
                    return
            self._loop.call_soon(self._read)
        except Exception as error:  # noqa: BLE001 - paho lets escape whatever its parser meets in hostile bytes
            self.cut(MalformedStream(f"the broker sent a malformed packet: {type(error).__name__}"))

    def _write(self) -> None:
        self._client.loop_write()

    def _decrypted(self) -> bool:
        """Whether TLS holds bytes that the event loop cannot see."""
        sock = self._client.socket()
        return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0

    def _end(self, error: LinkError | None) -> None:
        if not self.ended.done():
            self.ended.set_result(error)

    def _why(self, reason: ReasonCode, *, from_broker: bool) -> LinkError:
        name = str(reason)
        if from_broker and name == "Session taken over":
            return LinkRefused(
                f"another client has taken over our session: is client_id {self._client_id!r} used twice?"
            )
        if from_broker:
            return LinkLost(f"the broker closed the connection: {name.lower()}")
        if name == "Protocol error":
            return MalformedStream("the broker sent a malformed packet")
        return LinkLost("no PINGRESP in time" if name == "Keep alive timeout" else "the connection was lost")


def _connect_properties(settings: SourceSettings) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = settings.session_expiry
    properties.ReceiveMaximum = settings.receive_maximum
    properties.MaximumPacketSize = settings.max_packet_bytes
    return properties
