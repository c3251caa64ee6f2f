"""Encrypted telegrams: what opens them, what is said when nothing does, and that no key or meter is named then."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.cmac import CMAC

from decoders.errors import DecodeError, RejectReason
from decoders.keys import NO_KEYS, KeyRing
from decoders.wmbus.crc import crc16
from decoders.wmbus.telegram import open_telegram

KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
METER = bytes.fromhex("a511 69696969 40 04")
RECORDS = bytes.fromhex("0c0697510000 0c1384934500 0a5a0602")
KEYS = KeyRing({"DME69696969": KEY})


def framed(content: bytes, meter: bytes = METER) -> bytes:
    return bytes((1 + len(meter) + len(content), 0x44)) + meter + content


def cbc(key: bytes, start: bytes, plain: bytes) -> bytes:
    cipher = Cipher(AES128(key), CBC(start)).encryptor()
    return cipher.update(plain) + cipher.finalize()


def padded(records: bytes) -> bytes:
    plain = b"\x2f\x2f" + records
    return plain + b"\x2f" * (-len(plain) % 16)


def mode_5(key: bytes = KEY) -> bytes:
    plain = padded(RECORDS)
    header = bytes((0x7A, 0xBE, 0x00, len(plain) & 0xF0, 0x05))
    return framed(header + cbc(key, METER + b"\xbe" * 8, plain))


def mode_7(key: bytes = KEY) -> bytes:
    counter = bytes.fromhex("25360000")
    mac = CMAC(AES128(key))
    mac.update(b"\0" + counter + METER[2:6] + b"\x07" * 7)
    plain = padded(RECORDS)
    authentication = bytes.fromhex("90 0f 002c 25") + counter + bytes(8)
    header = bytes((0x7A, 0x33, 0x00, len(plain) & 0xF0, 0x07, 0x10))
    return framed(bytes.fromhex("8c0084") + authentication + header + cbc(mac.finalize(), bytes(16), plain))


def link_layer(key: bytes = KEY) -> bytes:
    session, content = bytes.fromhex("8025b620"), b"\x78" + RECORDS
    cipher = Cipher(AES128(key), CTR(METER + b"\x20" + session + b"\0\0\0")).encryptor()
    plain = crc16(content).to_bytes(2, "little") + content
    return framed(bytes.fromhex("8d20e1") + session + cipher.update(plain) + cipher.finalize())


LAYERS = pytest.mark.parametrize("encrypted", [mode_5, mode_7, link_layer])


@LAYERS
@pytest.mark.parametrize("name", ["DME69696969", "69696969", "70b3d57ed0000001"])
def test_the_meters_key_opens_its_telegrams_whatever_it_is_kept_under(
    name: str, encrypted: Callable[[], bytes]
) -> None:
    telegram = open_telegram(encrypted(), KeyRing({name.upper(): KEY}), device="70b3d57ed0000001")
    assert telegram.data.strip(b"\x2f") == RECORDS
    assert telegram.address.name == "DME69696969"


@LAYERS
@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (NO_KEYS, RejectReason.KEY_MISSING),
        (KeyRing({"DME11111111": KEY}), RejectReason.KEY_MISSING),
        (KeyRing({"DME69696969": KEY[::-1]}), RejectReason.DECRYPTION_FAILED),
    ],
)
def test_without_its_key_the_reason_says_so_and_names_nobody(
    keys: KeyRing, reason: RejectReason, encrypted: Callable[[], bytes]
) -> None:
    with pytest.raises(DecodeError) as refusal:
        open_telegram(encrypted(), keys)
    assert refusal.value.reason is reason
    assert not any(secret in str(refusal.value).lower() for secret in ("6969", KEY.hex(), KEY[::-1].hex()))


def test_the_example_of_the_oms_group() -> None:
    """A gas meter of the specification's annex, mode 5."""
    frame = bytes.fromhex(
        "2e4493157856341233037a2a0020255923c95aaa26d1b2e7493b013ec4a6f6d3529b520edff0ea6defc99d6d69ebf3"
    )
    key = bytes.fromhex("0102030405060708090a0b0c0d0e0f11")
    telegram = open_telegram(frame, KeyRing({"12345678": key}))
    assert telegram.address.name == "ELS12345678"
    assert telegram.data == bytes.fromhex("2f2f 0c1427048502 046d32371f15 02fd170000").ljust(32, b"\x2f")


def test_blocks_after_the_encrypted_ones_are_plain() -> None:
    frame = bytearray(mode_5())
    tail = bytes.fromhex("02fd170000")
    frame[0] += len(tail)
    assert open_telegram(bytes(frame) + tail, KEYS).data.endswith(tail)


def test_a_telegram_that_somebody_decrypted_on_the_way_needs_no_key() -> None:
    plain = framed(bytes.fromhex("7abe001005") + padded(RECORDS)[:16])
    assert open_telegram(plain, NO_KEYS).data == padded(RECORDS)[:16]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("7abe002005 000000", RejectReason.TRUNCATED),
        ("7abe00200d" + "00" * 32, RejectReason.INVALID_PAYLOAD),
        ("7a3300200710" + "00" * 32, RejectReason.INVALID_PAYLOAD),
        ("8d20e18025b680 0000 78", RejectReason.INVALID_PAYLOAD),
        ("9003004000 78", RejectReason.INVALID_PAYLOAD),
        ("8c0000" * 5 + "78", RejectReason.INVALID_PAYLOAD),
        ("a0 00", RejectReason.INVALID_PAYLOAD),
        ("6b", RejectReason.INVALID_PAYLOAD),
        ("79 0000 0000 00", RejectReason.INVALID_PAYLOAD),
        ("79 e7f1 0000 8e0100 000000 ca0900 ffff 0100 00", RejectReason.INVALID_PAYLOAD),
        ("79 e7f1", RejectReason.TRUNCATED),
        ("72 00", RejectReason.TRUNCATED),
        ("", RejectReason.TRUNCATED),
    ],
)
def test_what_is_no_telegram_is_refused(content: str, reason: RejectReason) -> None:
    from decoders.wmbus.manufacturers import standard_records

    with pytest.raises(DecodeError) as refusal:
        standard_records(open_telegram(framed(bytes.fromhex(content)), KEYS))
    assert refusal.value.reason is reason


def test_a_scrambled_telegram_that_does_not_open_is_refused() -> None:
    frame = bytearray.fromhex("1c4424232004256092687a370045752235854deeea5939fad81c25feef")
    with pytest.raises(DecodeError) as refusal:
        open_telegram(bytes(frame), NO_KEYS)
    assert refusal.value.reason is RejectReason.DECRYPTION_FAILED
