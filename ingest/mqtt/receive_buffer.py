"""The bytes of one MQTT connection between the socket and the codec: one buffer, one offset, no copy per packet."""

from ingest.mqtt.errors import MalformedStream

CHUNK_BYTES = 256 * 1024


class ReceiveBuffer:
    """Bytes `view[start:end]` are received and not parsed yet.

    The buffer keeps its size, except while one packet is larger than it. What an unfinished packet has received
    is moved to the front at most once per read.

    Args:
        max_packet_bytes: a packet that announces more is refused.
    """

    def __init__(self, *, max_packet_bytes: int) -> None:
        self._max_packet_bytes = max_packet_bytes
        self.view = memoryview(bytearray(CHUNK_BYTES))
        self.start = 0
        self.end = 0

    def free(self) -> memoryview:
        """Where the next bytes from the socket belong; never empty after `check_unfinished`."""
        if self.start == self.end:
            self._restart()
        needed = self._unfinished_packet_bytes()
        if self.start or needed > len(self.view):
            self._move_to_front(max(CHUNK_BYTES, needed))
        return self.view[self.end :]

    def received(self, count: int) -> None:
        """Note that the socket has filled `count` bytes of `free()`."""
        self.end += count

    def check_unfinished(self) -> None:
        """Make sure that what the codec calls unfinished is so.

        Raises:
            MalformedStream: the packet is there in full, so more bytes would never finish it, or it is too large.
        """
        if 0 < self._unfinished_packet_bytes() <= self.end - self.start:
            raise MalformedStream("a packet's contents reach past its end")

    def _restart(self) -> None:
        self.start = self.end = 0
        if len(self.view) > CHUNK_BYTES:
            self.view = memoryview(bytearray(CHUNK_BYTES))

    def _move_to_front(self, size: int) -> None:
        rest = bytes(self.view[self.start : self.end])
        if size != len(self.view):
            self.view = memoryview(bytearray(size))
        self.view[: len(rest)] = rest
        self.start, self.end = 0, len(rest)

    def _unfinished_packet_bytes(self) -> int:
        """Announced size of the packet at `start` with its header; 0 while its header is not complete."""
        length = 0
        for position, byte in enumerate(self.view[self.start + 1 : min(self.end, self.start + 5)]):
            length |= (byte & 0x7F) << (7 * position)
            if not byte & 0x80:
                total = 2 + position + length
                if total > self._max_packet_bytes:
                    raise MalformedStream(
                        f"a packet of {total} bytes is larger than the {self._max_packet_bytes} allowed"
                    )
                return total
        return 0
