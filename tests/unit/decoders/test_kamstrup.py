"""Kamstrup beyond its vectors: what the published driver says of every time, encryption, remembered long headers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.cmac import CMAC

from decoders.decoder import MAX_READINGS
from decoders.devices.kamstrup_multical import DECODER
from decoders.errors import DecodeError, RejectReason
from decoders.keys import KeyRing
from decoders.readings import QualityFlag
from decoders.uplink import Uplink

from .cases import AT, Case, cases, uplink

KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
NUMBER, MAKER, VERSION, MEDIUM = bytes.fromhex("66666666"), bytes.fromhex("2d2c"), 0x35, 0x0C
RECORDS = bytes.fromhex("04067b0c0000 0413f7680000")
BOUND = DECODER.bound(KeyRing({"KAM66666666": KEY}))


def encrypted(counter: int, *, long: bool, key: bytes = KEY, number: bytes = NUMBER) -> bytes:
    """A payload in security profile D, made with nothing of ours."""
    count = counter.to_bytes(4, "little")
    mac = CMAC(AES128(key))
    mac.update(b"\0" + count + number + b"\x07" * 7)
    nonce = MAKER + number + bytes((VERSION, MEDIUM, 0)) + count
    body = AESCCM(mac.finalize(), tag_length=8).encrypt(nonce, RECORDS, None)
    who = b"\x72" + number + MAKER + bytes((VERSION, MEDIUM)) if long else b"\x7a"
    configuration = bytes.fromhex("ffaa" if long else "ff2a")
    return who + b"\x08\x00" + configuration + b"\x10\x01" + count + body


def long_header(f_cnt: int = 1, **fields: object) -> Uplink:
    return uplink(encrypted(f_cnt, long=True), 6, **({"f_cnt": f_cnt, "ns_time": AT} | fields))


def short_header(f_cnt: int = 2, **fields: object) -> Uplink:
    at = AT + timedelta(hours=f_cnt)
    return uplink(encrypted(f_cnt, long=False), 4, **({"f_cnt": f_cnt, "ns_time": at} | fields))


@pytest.mark.parametrize("case", [c for c in cases("kamstrup_multical") if c.vendor and "values" in c.vendor], ids=str)
def test_volumes_and_their_times_are_those_of_the_published_driver(case: Case) -> None:
    assert case.vendor is not None
    theirs = [one for one in case.vendor["values"] if one["Type"] == "Volume"]
    if case.note:  # what differs, and why, stands there
        return
    ours = DECODER.decode(uplink(case.payload, case.f_port)).readings
    assert [(reading.volume, reading.observed_at) for reading in ours] == [
        (pytest.approx(one["Value"]), datetime.fromisoformat(one["Timestamp"]).replace(tzinfo=UTC)) for one in theirs
    ]
    assert all(reading.flags is QualityFlag.HISTORY for reading in ours)


def test_a_long_header_names_the_meter_and_its_key_opens_the_payload() -> None:
    [reading] = BOUND.decode(long_header()).readings
    assert (reading.subject, reading.energy, reading.volume) == ("KAM66666666", 3195.0, 26.871)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (KeyRing(), RejectReason.KEY_MISSING),
        (KeyRing({"KAM11111111": KEY}), RejectReason.KEY_MISSING),
        (KeyRing({"66666666": KEY[::-1]}), RejectReason.DECRYPTION_FAILED),
    ],
)
def test_without_its_key_the_payload_stays_closed(keys: KeyRing, reason: RejectReason) -> None:
    with pytest.raises(DecodeError) as refusal:
        DECODER.bound(keys).decode(long_header())
    assert refusal.value.reason is reason
    assert "6666" not in str(refusal.value)


def test_the_key_may_be_kept_under_the_device() -> None:
    device = long_header().dev_eui
    [reading] = DECODER.bound(KeyRing({device.upper(): KEY})).decode(long_header()).readings
    assert reading.subject == "KAM66666666"


def test_a_changed_byte_is_noticed() -> None:
    payload = bytearray(long_header().payload)
    payload[-9] ^= 1
    with pytest.raises(DecodeError) as refusal:
        BOUND.decode(uplink(bytes(payload), 6))
    assert refusal.value.reason is RejectReason.DECRYPTION_FAILED


def test_a_short_header_waits_for_a_long_one() -> None:
    assert BOUND.decode(short_header()).fragment is not None
    assert BOUND.assemble([short_header()]) == []


def test_a_long_header_explains_the_short_ones_before_and_after_it() -> None:
    early, late = short_header(2, ns_time=AT - timedelta(days=3)), short_header(3)
    found = BOUND.assemble([late, long_header(), early])
    assert [one.joined.parts for one in found] == [(early,), (late,)]
    for one in found:
        assert one.decoded is not None
        [reading] = one.decoded.readings
        assert (reading.subject, reading.energy) == ("KAM66666666", 3195.0)


def test_after_the_module_moved_to_another_meter_each_payload_takes_the_header_before_it() -> None:
    other = bytes.fromhex("11111111")
    moved = uplink(encrypted(9, long=True, number=other), 6, f_cnt=9, ns_time=AT + timedelta(days=1))
    after = uplink(encrypted(10, long=False, number=other), 4, f_cnt=10, ns_time=AT + timedelta(days=2))
    ring = DECODER.bound(KeyRing({"66666666": KEY, "11111111": KEY}))
    found = ring.assemble([long_header(), short_header(), moved, after])
    assert [one.decoded and one.decoded.readings[0].subject for one in found] == ["KAM66666666", "KAM11111111"]


def test_a_key_that_is_missing_for_the_remembered_meter_is_told() -> None:
    [found] = DECODER.bound(KeyRing({"KAM11111111": KEY})).assemble([long_header(), short_header()])
    assert found.error is not None
    assert found.error.reason is RejectReason.KEY_MISSING


def test_a_cold_meters_energy_is_cooling_energy() -> None:
    payload = bytes.fromhex("72 66666666 2d2c 35 0a 08000000 04067b0c0000")
    [reading] = DECODER.decode(uplink(payload, 1)).readings
    assert (reading.energy, reading.cooling_energy) == (None, 3195.0)


def test_a_profile_longer_than_a_payload_may_give_keeps_the_newest() -> None:
    deltas = b"\x6a\x61\x01" + b"\x01" * 104
    payload = bytes.fromhex("78446d002cfd28 4413c1aa7700 4d9313") + deltas
    decoded = DECODER.decode(uplink(payload, 1))
    assert len(decoded.readings) == MAX_READINGS - 1
    assert decoded.readings[0].volume == 7842.497
    assert "of the oldest values are left out" in decoded.warnings[0]


def test_a_stored_energy_without_a_time_is_that_of_the_due_date_beside_current_values() -> None:
    payload = bytes.fromhex("78 04067b0c0000 4406720c0000")
    [reading] = DECODER.decode(uplink(payload, 1)).readings
    assert (reading.energy, reading.energy_due_date) == (3195.0, 3186.0)


def test_a_profile_of_a_time_in_the_future_is_refused() -> None:
    payload = next(
        case for case in cases("kamstrup_multical") if case.name == "multiple_profile_values_for_volume"
    ).payload
    before = replace(uplink(payload, 1), ns_time=AT - timedelta(days=900))
    with pytest.raises(DecodeError) as refusal:
        DECODER.decode(before)
    assert refusal.value.reason is RejectReason.INVALID_PAYLOAD
