"""Frames with the CRCs of the radio link, and what they look like without."""

import pytest

from decoders.errors import DecodeError, RejectReason
from decoders.wmbus.crc import crc16, without_crcs

BARE = bytes.fromhex("2c44b409381317051a0d8c00497a76000000046d25aa153a0c03000000000c13000000000f6400000000000000")


def format_a(bare: bytes) -> bytes:
    blocks = [bare[:10], *(bare[at : at + 16] for at in range(10, len(bare), 16))]
    return b"".join(block + crc16(block).to_bytes(2) for block in blocks)


def format_b(bare: bytes) -> bytes:
    parts = [part for part in (bare[:126], bare[126:]) if part]
    counted = bytes((len(bare) - 1 + 2 * len(parts),)) + parts[0][1:]
    return b"".join(part + crc16(part).to_bytes(2) for part in (counted, *parts[1:]))


def test_the_published_check_value() -> None:
    assert crc16(b"123456789") == 0xC2B7


@pytest.mark.parametrize("length", [10, 11, 26, 27, 45, 126, 127, 200])
def test_both_formats_give_the_bare_frame(length: int) -> None:
    bare = bytes((length - 1,)) + bytes(index % 251 for index in range(1, length))
    assert without_crcs(format_a(bare)) == bare
    assert without_crcs(format_b(bare)) == bare
    assert without_crcs(bare) == bare


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", RejectReason.TRUNCATED),
        (BARE[:-1], RejectReason.TRUNCATED),
        (BARE + b"\0", RejectReason.INVALID_PAYLOAD),
        (format_a(BARE)[:-1] + b"\0", RejectReason.INVALID_PAYLOAD),
    ],
)
def test_a_frame_of_another_length_or_with_a_wrong_crc_is_refused(frame: bytes, reason: RejectReason) -> None:
    with pytest.raises(DecodeError) as refusal:
        without_crcs(frame)
    assert refusal.value.reason is reason
