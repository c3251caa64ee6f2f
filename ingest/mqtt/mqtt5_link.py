"""One MQTT 5 connection as an asyncio protocol around the sans-I/O codec `mqtt5`."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import cast

import mqtt5

from ingest.delivery import Delivery
from ingest.mqtt.errors import LinkError, LinkLost, LinkRefused, MalformedStream, as_link_error, closed_unasked
from ingest.mqtt.intake import Intake
from ingest.mqtt.keepalive import KeepAlive, Pulse
from ingest.mqtt.link import GOODBYE_SECONDS, answered
from ingest.mqtt.mqtt5_packets import FAILURE, farewell, pubacks, reason_name, words
from ingest.mqtt.receive_buffer import ReceiveBuffer
from ingest.settings import SourceSettings


class Mqtt5Link(asyncio.BufferedProtocol):
    """One MQTT 5 connection. What it receives goes to its intake, chunk by chunk, until there is no more room."""

    def __init__(self, intake: Intake, settings: SourceSettings, clock: Callable[[], datetime]) -> None:
        loop = asyncio.get_running_loop()
        self.session_present = False
        self.session_seconds: int | None = None
        self.connack: mqtt5.ConnAckPacket | None = None
        self.open = False
        self._intake = intake
        self._settings = settings
        self._clock = clock
        self._buffer = ReceiveBuffer(max_packet_bytes=settings.max_packet_bytes)
        self._transport: asyncio.Transport | None = None
        self._keepalive = KeepAlive(settings.keepalive, monotonic(), monotonic())
        self._reading = True
        self._leaving = False
        self._ended: asyncio.Future[LinkError | None] = loop.create_future()
        self._connack: asyncio.Future[mqtt5.ConnAckPacket] = loop.create_future()
        self._answers: dict[int, asyncio.Future[mqtt5.SubAckPacket | mqtt5.PubAckPacket]] = {}
        self._last_packet_id = 0
        self._publishing = asyncio.Lock()

    # ---- what the subscription asks for

    async def accepted(self, connect: mqtt5.ConnectPacket) -> None:
        """Send CONNECT and wait for the CONNACK.

        Raises:
            LinkError: refused, or the connection ended.
        """
        self._write(connect.write())
        connack = await answered(self._connack, "CONNECT", ended=self._ended, paused=lambda: False, delivered=lambda: 0)
        self.connack = connack
        if connack.reason_code.value >= FAILURE:
            raise LinkRefused(f"the broker refused the connection: {words(connack)}")
        if connack.max_qos.value < self._settings.qos:
            raise LinkRefused(
                f"the broker offers QoS {connack.max_qos.value} only: set `qos` of the source accordingly"
            )
        if self._settings.shared_group is not None and not connack.shared_subscription_available:
            raise LinkRefused("the broker offers no shared subscriptions: remove `shared_group`")
        self.session_present = connack.session_present
        self.session_seconds = connack.session_expiry_interval
        if connack.server_keep_alive:
            self._keepalive.seconds = connack.server_keep_alive
        self.open = True

    async def subscribe(self, filters: Sequence[str], *, qos: int, retained: bool = False) -> dict[str, str]:
        """Subscribe; returns the refused filters with the broker's reason."""
        handling = mqtt5.RetainHandling
        topics = [
            mqtt5.TopicFilter(
                pattern,
                max_qos=mqtt5.QoS(qos),
                retain_as_published=False,
                retain_handling=handling.SEND_ALWAYS if retained else handling.SEND_IF_SUBSCRIPTION_NOT_EXISTS,
            )
            for pattern in filters
        ]
        packet_id = self._next_packet_id()
        suback = await self._ask(packet_id, mqtt5.SubscribePacket(packet_id, topics).write(), "SUBSCRIBE")
        codes = suback.reason_codes if isinstance(suback, mqtt5.SubAckPacket) else []
        if len(codes) != len(filters):
            raise MalformedStream("a SUBACK does not fit its SUBSCRIBE")
        return {topic: reason_name(code) for topic, code in zip(filters, codes, strict=True) if code.value >= FAILURE}

    async def publish(self, topic: str, payload: bytes, *, qos: int) -> None:
        """Publish one message; one at a time, which is within every broker's receive maximum."""
        if qos == 0:
            self._write(mqtt5.PublishPacket(topic, payload).write())
            return
        async with self._publishing:
            packet_id = self._next_packet_id()
            packet = mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id)
            puback = await self._ask(packet_id, packet.write(), "PUBLISH")
        if isinstance(puback, mqtt5.PubAckPacket) and puback.reason_code.value >= FAILURE:
            raise LinkRefused(f"the broker refused to publish on {topic}: {words(puback)}")

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Send one PUBACK each, in this order, in one write."""
        self._write(pubacks(packet_ids))

    def pause(self) -> None:
        """Read no more; PINGREQ goes on."""
        if self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again, first what the buffer still holds."""
        if self._reading or self._transport is None or self._ended.done():
            return
        self._reading = True
        self._parse()
        if self._reading and not self._transport.is_closing():
            self._transport.resume_reading()

    async def ended(self) -> LinkError | None:
        """Keep the connection alive until it ends; returns why, None after `disconnect()`."""
        while not self._ended.done():
            await asyncio.wait({self._ended}, timeout=self._keepalive.tick)
            if not self._ended.done():
                self._beat()
        return self._ended.result()

    async def disconnect(self) -> None:
        """Send what is pending, say goodbye and let the broker close; the broker keeps the session."""
        if self._ended.done() or self._transport is None:
            return
        self._leaving = True
        self._write(mqtt5.DisconnectPacket().write())
        if not self._reading:
            # unread bytes at close would turn it into a reset, and the broker might miss the last acks
            self._transport.resume_reading()
        await asyncio.wait({self._ended}, timeout=GOODBYE_SECONDS)
        self.abort()

    def abort(self, error: LinkError | None = None) -> None:
        """Cut the connection; `ended()` returns `error`."""
        self._end(error)
        if self._transport is not None:
            self._transport.abort()

    # ---- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is open, TLS included."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, _sizehint: int) -> memoryview:
        """asyncio: where to receive into."""
        if self._leaving:
            self._buffer.start = self._buffer.end = 0
        return self._buffer.free()

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio: bytes have arrived."""
        if self._leaving:
            return
        self._keepalive.received_at = monotonic()
        self._buffer.received(nbytes)
        self._parse()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is closed."""
        if self._leaving:
            self._end(None)
        elif isinstance(exc, ssl.SSLError):
            self._end(as_link_error(exc, self._settings.host))
        elif not self.open:
            self._end(closed_unasked(tls=self._settings.tls is not None))
        else:
            self._end(LinkLost(f"connection lost: {exc}" if exc is not None else "the broker closed the connection"))

    # ---- packets

    def _parse(self) -> None:
        """Parse everything that has arrived, as far as there is room for it."""
        try:
            while self._take_packets():
                pass
            if self._reading:
                self._buffer.check_unfinished()
        except LinkError as error:
            self.abort(error)
        except ValueError as error:
            self.abort(MalformedStream(f"the broker sent a malformed packet: {error}"))
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            self.abort(MalformedStream("the broker sent a packet with invalid text"))

    def _take_packets(self) -> bool:
        """Hand what is complete to the intake, as far as it has room; True when there is more and room again.

        There is, when some of it was not for the inbox (canaries, `$SYS`). Without room, reading is paused.
        """
        buffer, view, end = self._buffer, self._buffer.view, self._buffer.end
        start, room, now = buffer.start, self._intake.room, self._clock()
        deliveries: list[Delivery] = []
        held_back = False
        try:
            while start < end:
                try:
                    packet, size = mqtt5.read(view[start:end])
                except IndexError:
                    break  # not complete yet
                if type(packet) is not mqtt5.PublishPacket:
                    self._answer(packet)
                elif len(deliveries) < room:
                    deliveries.append(self._delivery(packet, now))
                else:
                    held_back = True
                    break
                start += size
        finally:
            buffer.start = start
            goes_on = self._intake.deliver(deliveries) if deliveries else not held_back
        if not goes_on:
            self.pause()
        return goes_on and held_back

    def _delivery(self, packet: mqtt5.PublishPacket, now: datetime) -> Delivery:
        packet_id, topic = packet.packet_id, packet.topic
        if packet.qos == 2 or packet_id == 0 or "\0" in topic:
            raise MalformedStream("the broker sent a message with a QoS, packet id or topic that may not be")
        return Delivery(
            self._intake.source,
            topic,
            packet.payload,
            now,
            0 if packet_id is None else 1,
            packet.retain,
            packet.duplicate,
            self._intake.epoch,
            packet_id or 0,
        )

    def _answer(self, packet: mqtt5.Packet) -> None:
        """Everything that is not a message."""
        match packet:
            case mqtt5.ConnAckPacket() if not self._connack.done():
                self._connack.set_result(packet)
            case mqtt5.SubAckPacket() | mqtt5.PubAckPacket():
                answer = self._answers.pop(packet.packet_id, None)
                if answer is not None and not answer.done():
                    answer.set_result(packet)
            case mqtt5.PingRespPacket():
                pass  # that something arrived was noted already
            case mqtt5.DisconnectPacket():
                raise farewell(packet, self._settings.client_id)
            case _:
                raise MalformedStream(f"the broker sent a {type(packet).__name__}, which only clients send")

    async def _ask(self, packet_id: int, data: bytes, what: str) -> mqtt5.SubAckPacket | mqtt5.PubAckPacket:
        answer = self._answers[packet_id] = asyncio.get_running_loop().create_future()
        try:
            self._write(data)
            return await answered(
                answer,
                what,
                ended=self._ended,
                paused=lambda: not self._reading,
                delivered=lambda: self._intake.delivered,
            )
        finally:
            self._answers.pop(packet_id, None)

    def _next_packet_id(self) -> int:
        self._last_packet_id = self._last_packet_id % 0xFFFF + 1
        return self._last_packet_id

    def _beat(self) -> None:
        match self._keepalive.check(monotonic(), paused=not self._reading):
            case Pulse.PING:
                self._write(mqtt5.PingReqPacket().write())
            case Pulse.DEAD:
                self.abort(LinkLost(f"no PINGRESP within {self._keepalive.seconds:g} s"))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._keepalive.sent_at = monotonic()
            self._transport.write(data)

    def _end(self, error: LinkError | None) -> None:
        if self._ended.done():
            return
        self.open = False
        self._ended.set_result(error)
