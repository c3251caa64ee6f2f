"""The CRC of EN 13757 and frames that still carry it (formats A and B)."""

from decoders.errors import DecodeError, RejectReason

_POLYNOMIAL = 0x3D65
_FIRST_BLOCK, _BLOCK = 10, 16
_CRC = 2
_LONGEST_OF_B = 126
"""Bytes before the first CRC of format B: the first block and the second."""


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = crc << 1 ^ _POLYNOMIAL if crc & 0x8000 else crc << 1
        table.append(crc & 0xFFFF)
    return tuple(table)


_TABLE = _table()


def crc16(data: bytes) -> int:
    """CRC-16/EN-13757 of `data`."""
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _TABLE[crc >> 8 ^ byte]
    return crc ^ 0xFFFF


def without_crcs(frame: bytes) -> bytes:
    """A frame of format A or B without its CRCs, its length byte counting what is left; a bare one as it is.

    The length says which it is: format A counts no CRC, format B counts them.

    Raises:
        DecodeError: TRUNCATED for a frame shorter than its length byte, INVALID_PAYLOAD for a wrong CRC.
    """
    if not frame or len(frame) <= frame[0]:
        raise DecodeError(RejectReason.TRUNCATED, f"frame of {len(frame)} bytes is shorter than it says")
    if len(frame) == _size_of_a(frame[0]):
        return _checked(frame, _blocks_of_a(frame[0]))
    if len(frame) == frame[0] + 1:
        return _bare_or_b(frame)
    raise DecodeError(RejectReason.INVALID_PAYLOAD, f"frame of {len(frame)} bytes is longer than it says")


def _size_of_a(length: int) -> int:
    return length + 1 + _CRC * len(_blocks_of_a(length))


def _blocks_of_a(length: int) -> list[int]:
    """Sizes of the blocks before each CRC."""
    rest = max(0, length + 1 - _FIRST_BLOCK)
    blocks = [_FIRST_BLOCK, *[_BLOCK] * (rest // _BLOCK)]
    return [*blocks, rest % _BLOCK] if rest % _BLOCK else blocks


def _bare_or_b(frame: bytes) -> bytes:
    """Both count every byte; a frame of format B ends with the CRC of its last part."""
    first, second = frame[: _LONGEST_OF_B + _CRC], frame[_LONGEST_OF_B + _CRC :]
    parts = [part for part in (first, second) if part]
    if any(len(part) <= _CRC or crc16(part[:-_CRC]) != int.from_bytes(part[-_CRC:]) for part in parts):
        return frame
    return _counted(b"".join(part[:-_CRC] for part in parts))


def _checked(frame: bytes, blocks: list[int]) -> bytes:
    at, bare = 0, b""
    for size in blocks:
        block, crc = frame[at : at + size], frame[at + size : at + size + _CRC]
        if crc16(block) != int.from_bytes(crc):
            raise DecodeError(RejectReason.INVALID_PAYLOAD, f"wrong CRC of the block at offset {at}")
        bare += block
        at += size + _CRC
    return _counted(bare)


def _counted(bare: bytes) -> bytes:
    return bytes((len(bare) - 1,)) + bare[1:]
