"""A bounds-checked reader over a payload: every read past the end is a `DecodeError(TRUNCATED)`.

Decoders read with it and nothing else, so a truncated payload can raise only what they may raise.
"""

from struct import Struct

from decoders.errors import DecodeError, RejectReason

_FLOAT = Struct(">f")


class ByteReader:
    """Reads a payload from front to back.

    Attributes:
        offset: index of the next byte to be read.
        warnings: what the decoder found odd but could live with; shown to engineers.
    """

    __slots__ = ("offset", "payload", "warnings")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.offset = 0
        self.warnings: list[str] = []

    @property
    def remaining(self) -> int:
        """Number of unread bytes."""
        return len(self.payload) - self.offset

    def peek(self, ahead: int = 0) -> int:
        """The byte `ahead` of the next one, which stays unread."""
        at = self.offset + ahead
        if at >= len(self.payload):
            raise DecodeError(RejectReason.TRUNCATED, f"no byte at offset {at}, payload has {len(self.payload)}")
        return self.payload[at]

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self.offset + size
        if end > len(self.payload):
            raise DecodeError(
                RejectReason.TRUNCATED,
                f"{size} bytes wanted at offset {self.offset}, payload has {len(self.payload)}",
            )
        chunk = self.payload[self.offset : end]
        self.offset = end
        return chunk

    def u8(self) -> int:
        """One unsigned byte."""
        return self.take(1)[0]

    def i8(self) -> int:
        """One signed byte."""
        return int.from_bytes(self.take(1), "big", signed=True)

    def unsigned(self, size: int, order: str = "big") -> int:
        """An unsigned integer of `size` bytes, `order` is `big` or `little`."""
        return int.from_bytes(self.take(size), "little" if order == "little" else "big")

    def signed(self, size: int, order: str = "big") -> int:
        """A two's complement integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little" if order == "little" else "big", signed=True)

    def u16(self) -> int:
        """Big-endian unsigned 16 bit."""
        return self.unsigned(2)

    def i16(self) -> int:
        """Big-endian signed 16 bit."""
        return self.signed(2)

    def u32(self) -> int:
        """Big-endian unsigned 32 bit."""
        return self.unsigned(4)

    def u16_le(self) -> int:
        """Little-endian unsigned 16 bit."""
        return self.unsigned(2, "little")

    def i16_le(self) -> int:
        """Little-endian signed 16 bit."""
        return self.signed(2, "little")

    def u32_le(self) -> int:
        """Little-endian unsigned 32 bit."""
        return self.unsigned(4, "little")

    def f32(self) -> float:
        """Big-endian IEEE 754 number of 32 bit."""
        return float(_FLOAT.unpack(self.take(4))[0])

    def rest(self) -> bytes:
        """Everything that is unread."""
        return self.take(self.remaining)

    def warn(self, text: str) -> None:
        """Note something odd that does not stop decoding."""
        self.warnings.append(text)
