"""A broker of a few lines that says what a test wants it to say: malformed bytes, refusals, nothing at all."""

import asyncio
import struct
from collections.abc import Callable
from typing import Self

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 14


class FakeBroker:
    """Accepts clients of MQTT 3.1.1 or 5, grants what they ask for, and notes what they send.

    Args:
        version: 4 for MQTT 3.1.1, 5 for MQTT 5: decides whether packets have properties.
        grant: the SUBACK code for a filter.

    Attributes:
        packets: (type, body) of everything received, over all connections.
        connections: how many clients have connected.
    """

    def __init__(self, version: int, *, grant: Callable[[str], int] = lambda _: 1) -> None:
        self.version = version
        self.grant = grant
        self.packets: list[tuple[int, bytes]] = []
        self.connections = 0
        self.session_present = False
        self.port = 0
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.hang_up()

    @property
    def acks(self) -> list[int]:
        """Packet ids of the PUBACKs in the order in which they came."""
        return [int.from_bytes(body[:2], "big") for kind, body in self.packets if kind == PUBACK]

    def send(self, data: bytes) -> None:
        """Send raw bytes on the newest connection."""
        assert self._writer is not None, "no client is connected"
        self._writer.write(data)

    def publish(self, topic: str, payload: bytes, packet_id: int) -> None:
        """Send a QoS 1 message."""
        self.send(publish_packet(topic.encode(), payload, packet_id, self.version))

    def hang_up(self) -> None:
        """Close the newest connection."""
        if self._writer is not None:
            self._writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.connections += 1
        try:
            while True:
                kind, body = await _read_packet(reader)
                self.packets.append((kind, body))
                answer = self._answer(kind, body)
                if answer:
                    writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, kind: int, body: bytes) -> bytes:
        properties = b"\x00" if self.version == 5 else b""
        match kind:
            case 1:
                return packet(CONNACK << 4, bytes([self.session_present, 0]) + properties)
            case 8:
                codes = bytes(self.grant(topic) for topic in _filters(body[2 + len(properties) :]))
                return packet(SUBACK << 4, body[:2] + properties + codes)
            case 3:
                length = int.from_bytes(body[:2], "big")
                return packet(PUBACK << 4, body[2 + length : 4 + length])
            case 12:
                return b"\xd0\x00"
        return b""


def packet(first: int, body: bytes) -> bytes:
    """A packet with its fixed header."""
    length, header = len(body), bytes([first])
    while True:
        length, digit = divmod(length, 128)
        header += bytes([digit | 128 * bool(length)])
        if not length:
            return header + body


def publish_packet(topic: bytes, payload: bytes, packet_id: int, version: int, *, flags: int = 2) -> bytes:
    """A PUBLISH; `flags` 2 is QoS 1. The topic is raw, so that it may be wrong."""
    properties = b"\x00" if version == 5 else b""
    head = struct.pack(">H", len(topic)) + topic + struct.pack(">H", packet_id) + properties
    return packet(PUBLISH << 4 | flags, head + payload)


def _filters(body: bytes) -> list[str]:
    found = []
    while body:
        length = int.from_bytes(body[:2], "big")
        found.append(body[2 : 2 + length].decode())
        body = body[3 + length :]
    return found


async def _read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return first >> 4, await reader.readexactly(length)
