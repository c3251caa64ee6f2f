"""Payloads that need several uplinks: what is joined, in whatever order it comes, and what never is."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from decoders.decoder import Decoder, Joined
from decoders.devices.lobaro_wmbus import DECODER as LOBARO
from decoders.devices.lobaro_wmbus import WINDOW
from decoders.errors import DecodeError, RejectReason
from decoders.keys import KeyRing
from decoders.uplink import Uplink

from .cases import AT, expected_reading, uplink

SEQUENCES = json.loads((Path(__file__).parents[2] / "vectors" / "sequences" / "lobaro_wmbus.json").read_text())
by_name = pytest.mark.parametrize("vector", SEQUENCES, ids=lambda vector: vector["name"])


def parts(vector: dict, at: datetime = AT, **fields: object) -> list[Uplink]:
    return [
        uplink(
            bytes.fromhex(part["hex"]), part["f_port"], f_cnt=part["f_cnt"], ns_time=at + timedelta(seconds=n), **fields
        )
        for n, part in enumerate(vector["sequence"])
    ]


def named(name: str) -> dict:
    return next(vector for vector in SEQUENCES if vector["name"] == name)


def whole(vector: dict) -> bytes:
    return bytes.fromhex(vector["telegram"])


def joined(decoder: Decoder, uplinks: Sequence[Uplink]) -> list[bytes]:
    return [assembled.joined.uplink.payload for assembled in decoder.assemble(uplinks)]


@by_name
def test_a_sequence_gives_its_telegram_and_that_its_readings(vector: dict) -> None:
    uplinks = parts(vector)
    if len(uplinks) == 1:
        [found] = [LOBARO.decode(uplinks[0])]
        assert LOBARO.assemble(uplinks) == []
    else:
        assert all(LOBARO.decode(one).fragment for one in uplinks)
        assembled = LOBARO.assemble(uplinks)
        if vector["telegram"] is None:
            assert assembled == []
            return
        [(whole_one, found, error)] = assembled
        assert whole_one.uplink.payload.endswith(whole(vector))
        assert whole_one.parts == tuple(uplinks)
        assert (error and error.reason) == vector.get("error")
        if error is not None:
            return
    expected = [expected_reading(LOBARO, entry) for entry in vector["readings"]]
    at = uplinks[-1].ns_time.replace(microsecond=0)
    assert found is not None
    assert list(found.readings) == [reading.model_copy(update={"observed_at": at}) for reading in expected]


def test_the_key_of_what_is_assembled_is_the_last_parts() -> None:
    uplinks = parts(named("c5isf_1"), dev_addr="01020304")
    [assembled] = LOBARO.assemble(uplinks)
    last = uplinks[-1]
    assert (assembled.joined.uplink.ns_time, assembled.joined.uplink.f_cnt) == (last.ns_time, last.f_cnt)


def test_the_order_of_arrival_makes_no_difference() -> None:
    first, second = parts(named("c5isf_1")), parts(named("c5isf_2"), AT + timedelta(minutes=5), dev_addr="0a")
    both = [*first, *second]
    expected = LOBARO.assemble(both)
    assert len(expected) == 2
    draw = random.Random(7)
    for _ in range(20):
        draw.shuffle(both)
        assert LOBARO.assemble(both) == expected


def test_a_repeated_part_is_joined_once() -> None:
    uplinks = parts(named("c5isf_1"))
    repeats = [replace(one, ns_time=one.ns_time + timedelta(milliseconds=500)) for one in uplinks]
    assert joined(LOBARO, [*uplinks, *repeats[:-1]]) == [whole(named("c5isf_1"))]


@pytest.mark.parametrize("lost", range(5))
def test_a_lost_part_loses_the_telegram(lost: int) -> None:
    uplinks = parts(named("c5isf_1"))
    del uplinks[lost]
    assert joined(LOBARO, uplinks) == []


def test_parts_of_two_sessions_are_not_mixed() -> None:
    uplinks = parts(named("c5isf_2"))
    mixed = [uplinks[0], replace(uplinks[1], dev_addr="0badcafe"), uplinks[2]]
    assert joined(LOBARO, mixed) == []


def test_after_a_reset_of_the_counter_the_old_parts_belong_to_nobody() -> None:
    old, new = parts(named("c5isf_2")), parts(named("c5isf_2"), AT + timedelta(minutes=10))
    changed = [replace(one, payload=one.payload[::-1]) for one in new]
    found = joined(LOBARO, [*old[:2], *changed])
    assert found == [b"".join(one.payload for one in changed)]


def test_parts_that_are_too_far_apart_are_not_joined() -> None:
    first, *rest = parts(named("c5isf_2"))
    late = [replace(one, ns_time=one.ns_time + WINDOW) for one in rest]
    assert joined(LOBARO, [first, *late]) == []


def test_flagged_parts_need_their_first_and_consecutive_counters() -> None:
    one, two, three = parts(named("format_1_1"))
    assert joined(LOBARO, [two, three]) == []
    assert joined(LOBARO, [one, replace(two, f_cnt=two.f_cnt + 7), three]) == []
    assert joined(LOBARO, [one, one, two, three]) == [
        b"\x03" + bytes.fromhex("005e53f31a") + whole(named("format_1_1"))
    ]
    again = [
        replace(part, f_cnt=part.f_cnt + 3, ns_time=part.ns_time + timedelta(minutes=1)) for part in (one, two, three)
    ]
    assert len(joined(LOBARO, [one, two, *again])) == 1


def test_what_is_whole_and_refused_says_why() -> None:
    [assembled] = LOBARO.assemble(parts(named("engelmann_faw_1")))
    assert assembled.decoded is None
    assert assembled.error is not None
    assert assembled.error.reason is RejectReason.WRONG_MEDIUM


def test_a_decoder_of_whole_payloads_assembles_nothing() -> None:
    assert replace(LOBARO, assembly=None).assemble(parts(named("c5isf_1"))) == []


def test_a_defect_of_the_joining_function_leaves_the_fragments_what_they_are(caplog: pytest.LogCaptureFixture) -> None:
    broken = replace(LOBARO, assembly=replace(LOBARO.assembly, join=lambda uplinks: [uplinks[99]]))
    assert broken.assemble(parts(named("c5isf_1"))) == []
    assert "fragments_not_joined decoder=lobaro_wmbus error=IndexError" in caplog.text


def test_a_decoder_that_cannot_take_keys_refuses_its_payloads_and_nobody_elses() -> None:
    broken = replace(LOBARO, bind=lambda keys: keys["no mapping"]).bound(KeyRing())
    with pytest.raises(DecodeError) as refusal:
        broken.decode(parts(named("c5isf_1"))[0])
    assert refusal.value.reason is RejectReason.DECODER_ERROR
    assert refusal.value.detail == "lobaro_wmbus cannot take keys: TypeError"


def test_what_is_joined_and_still_a_fragment_waits_on() -> None:
    same = replace(LOBARO, assembly=replace(LOBARO.assembly, join=lambda uplinks: [Joined(uplinks[0], tuple(uplinks))]))
    assert same.assemble(parts(named("c5isf_1"))) == []
