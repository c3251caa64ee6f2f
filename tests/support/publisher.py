"""A fast MQTT 5 publisher that remembers which of its messages the broker has acknowledged."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Iterable
from typing import Self

import mqtt5

Message = tuple[str, bytes]

ANSWER_SECONDS = 20.0


class Publisher:
    """One connection to a broker, made and closed by `async with`; keeps within the broker's receive maximum.

    `acknowledged` holds every QoS 1 message for which a PUBACK without an error came: the broker has taken
    responsibility for it. That is one side of an oracle's account.
    """

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        username: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.acknowledged: list[Message] = []
        self.refused: list[Message] = []
        self._address = (host, port)
        self._tls = tls
        self._connect = mqtt5.ConnectPacket(
            f"publisher-{id(self)}",
            username=username,
            password=None if password is None else password.encode(),
            clean_start=True,
            keep_alive=60,
        )
        self._unanswered: dict[int, Message] = {}
        self._free_ids: deque[int] = deque()
        self._buffer = b""

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address, ssl=self._tls)
        self._writer.write(self._connect.write())
        connack = await self._next_packet()
        if not isinstance(connack, mqtt5.ConnAckPacket) or connack.reason_code.value:
            raise ConnectionError(f"the broker refused the publisher: {connack}")
        self._free_ids.extend(range(1, min(connack.receive_max, 1000) + 1))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.write(mqtt5.DisconnectPacket().write())
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Publish one message; with QoS 1 returns when the broker has answered."""
        await self.publish_all([(topic, payload)], qos=qos, retain=retain)

    async def publish_all(self, messages: Iterable[Message], *, qos: int = 1, retain: bool = False) -> None:
        """Publish in order, as fast as the broker takes it; with QoS 1 returns when it has answered them all."""
        for topic, payload in messages:
            packet_id = None if qos == 0 else await self._take_id((topic, payload))
            packet = mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS(qos), packet_id=packet_id, retain=retain)
            self._writer.write(packet.write())
            if qos == 0:
                await self._writer.drain()
        while self._unanswered:
            await self._take_answers()
        await self._writer.drain()

    async def _take_id(self, message: Message) -> int:
        while not self._free_ids:
            await self._take_answers()
        packet_id = self._free_ids.popleft()
        self._unanswered[packet_id] = message
        return packet_id

    async def _take_answers(self) -> None:
        puback = await self._next_packet()
        if not isinstance(puback, mqtt5.PubAckPacket):
            raise ConnectionError(f"unexpected answer: {puback}")
        message = self._unanswered.pop(puback.packet_id)
        (self.refused if puback.reason_code.value >= 0x80 else self.acknowledged).append(message)
        self._free_ids.append(puback.packet_id)

    async def _next_packet(self) -> mqtt5.Packet:
        while True:
            try:
                packet, size = mqtt5.read(memoryview(self._buffer))
            except IndexError:
                async with asyncio.timeout(ANSWER_SECONDS):
                    data = await self._reader.read(65536)
                if not data:
                    raise ConnectionError("the broker closed the publisher's connection") from None
                self._buffer += data
            else:
                self._buffer = self._buffer[size:]
                return packet
