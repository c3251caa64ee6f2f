"""Diehl's scrambling of older SHARKY and HYDRUS telegrams: a shift register whose start is no secret.

Layout of the frame: L, C, manufacturer `HYD`, then version, medium, number (not the usual order), CI 7A, access number,
status, a check byte's neighbour, the check byte (sum of the plain records without bit 4), records.
"""

from decoders.errors import DecodeError, RejectReason
from decoders.wmbus.address import Address

MAKER = "HYD"

_STARTS = (0x39BC8A10 ^ 0xE66D83F8, 0x51728910 ^ 0xE66D83F8)
_CHECK, _RECORDS = 14, 15
_CHECKED_BITS = 0xEF
_MASK = 0xFFFF_FFFF


def address_of(field: bytes) -> Address:
    """The meter's address from manufacturer, version, medium, number: the order of these telegrams."""
    return Address(field[:2], field[4:8], field[2], field[3])


def unscrambled(frame: bytes) -> bytes:
    """The records of a scrambled frame.

    Raises:
        DecodeError: TRUNCATED, or DECRYPTION_FAILED when no known start opens it.
    """
    if len(frame) <= _RECORDS:
        raise DecodeError(RejectReason.TRUNCATED, "scrambled telegram ends before its records")
    header = _word(frame, 2) ^ _word(frame, 6) ^ _word(frame, 10)
    for start in _STARTS:
        plain = _shifted(start ^ header, frame[_RECORDS:])
        if sum(plain) & _CHECKED_BITS == frame[_CHECK] & _CHECKED_BITS:
            return plain
    raise DecodeError(RejectReason.DECRYPTION_FAILED, "scrambled by its maker with a start that is not known")


def _shifted(register: int, scrambled: bytes) -> bytes:
    plain = bytearray()
    for byte in scrambled:
        for _ in range(8):
            bit = (register >> 1 ^ register >> 2 ^ register >> 11 ^ register >> 31) & 1
            register = (register << 1 | bit) & _MASK
        plain.append(byte ^ register & 0xFF)
    return bytes(plain)


def _word(frame: bytes, at: int) -> int:
    return int.from_bytes(frame[at : at + 4])
