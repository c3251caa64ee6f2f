"""What Milesight's people counters share: entries, times of a sensor, faults, and the limit of readings."""

from datetime import UTC, datetime, timedelta

import pytest

from decoders.decoder import MAX_READINGS, Decoded
from decoders.devices import milesight_vs13x, milesight_vs121, milesight_vs350
from decoders.errors import DecodeError, RejectReason
from decoders.readings import PeopleCount, QualityFlag

from .cases import AT, uplink

VS121, VS13X, VS350 = milesight_vs121.DECODER, milesight_vs13x.DECODER, milesight_vs350.DECODER
PERIOD = bytes.fromhex("05cc03000400")


def decode(payload: bytes, decoder: object = VS350) -> Decoded:
    return decoder.decode(uplink(payload, 85))


def at(moment: datetime) -> bytes:
    return int(moment.timestamp()).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("ahead", "flags"),
    [
        (timedelta(days=-400), QualityFlag.HISTORY),
        (timedelta(minutes=9), QualityFlag.HISTORY),
        (timedelta(minutes=11), QualityFlag.HISTORY | QualityFlag.CLOCK),
        (timedelta(hours=23), QualityFlag.HISTORY | QualityFlag.CLOCK),
    ],
)
def test_history_has_the_sensors_own_time(ahead: timedelta, flags: QualityFlag) -> None:
    [count] = decode(b"\x20\xce" + at(AT + ahead) + bytes.fromhex("0003000400")).readings
    assert (count.observed_at, count.flags) == ((AT + ahead).replace(microsecond=0), flags)
    assert (count.entered_period, count.exited_period) == (3, 4)


@pytest.mark.parametrize("moment", [datetime(2014, 12, 31, tzinfo=UTC), AT + timedelta(hours=25)])
def test_history_without_a_credible_time_is_dropped_and_what_follows_is_kept(moment: datetime) -> None:
    decoded = decode(b"\x20\xce" + at(moment) + bytes.fromhex("0009000900") + PERIOD)
    [count] = decoded.readings
    assert (count.entered_period, count.flags) == (3, QualityFlag(0))
    assert decoded.warnings == ("datalog entry without a credible time",)


@pytest.mark.parametrize(("ahead", "credible"), [(-9, True), (9, True), (-11, False), (11, False)])
def test_live_counts_have_the_sensors_time_unless_its_clock_is_wrong(ahead: int, credible: bool) -> None:
    own = AT + timedelta(minutes=ahead)
    for payload in (b"\x0a\xef" + at(own) + PERIOD, PERIOD + b"\x0a\xef" + at(own)):
        [count] = decode(payload).readings
        assert count.observed_at == (own if credible else AT).replace(microsecond=0)
        assert count.flags == (QualityFlag(0) if credible else QualityFlag.CLOCK)


def test_a_sensors_time_is_of_its_counts_alone() -> None:
    own = AT - timedelta(minutes=5)
    count, health = decode(PERIOD + b"\x01\x75\x64\x0a\xef" + at(own)).readings
    assert (count.observed_at, health.observed_at) == (own.replace(microsecond=0), AT.replace(microsecond=0))


def test_entries_of_one_line_and_time_are_one_reading() -> None:
    line_1 = bytes.fromhex("03d20a000000 04d20b000000 05cc01000200")
    line_2 = bytes.fromhex("06d20c000000")
    readings = decode(line_1 + line_2, VS13X).readings
    assert [(one.channel, one.entered, one.exited_period) for one in readings] == [(1, 10, 2), (2, 12, None)]


def test_a_fault_flags_what_is_counted_and_leaves_it() -> None:
    readings = decode(bytes.fromhex("03d20a000000 0fe301020304 50fc000001"), VS13X).readings
    assert {one.flags for one in readings} == {QualityFlag.SENSOR_FAULT}
    assert [(one.entered, one.present) for one in readings] == [
        (10, None),
        *[(None, number) for number in (1, 2, 3, 4)],
    ]


def test_a_fault_does_not_touch_history() -> None:
    past = b"\x20\xce" + at(AT - timedelta(days=1)) + bytes.fromhex("0f01020304")
    fault, *areas = decode(bytes.fromhex("50fc000001") + past, VS13X).readings
    assert (fault.channel, fault.flags) == (0, QualityFlag.SENSOR_FAULT)
    assert [(one.present, one.flags) for one in areas] == [(number, QualityFlag.HISTORY) for number in (1, 2, 3, 4)]


def test_of_more_history_than_an_uplink_may_give_the_whole_view_is_kept() -> None:
    hours = range(20)
    payload = b"".join(
        b"\x20\xce" + at(AT - timedelta(hours=hour)) + bytes((1, hour, 16)) + b"\xff\xff" for hour in hours
    )
    decoded = decode(payload, VS121)
    assert len(decoded.readings) == MAX_READINGS
    assert [one.present for one in decoded.readings if one.channel == 0] == list(hours)
    assert decoded.warnings == (f"{20 * 17 - MAX_READINGS} readings of history are left out",)


def test_an_unknown_entry_ends_decoding_and_leaves_the_rest_unread() -> None:
    decoded = decode(PERIOD + bytes.fromhex("aabbccdd"))
    assert len(decoded.readings) == 1
    assert decoded.unread == 4
    assert decoded.warnings == ("unknown entry at offset 6",)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", RejectReason.INVALID_PAYLOAD),
        ("aabb", RejectReason.INVALID_PAYLOAD),
        ("20ce7b3af16499", RejectReason.INVALID_PAYLOAD),
        ("05", RejectReason.TRUNCATED),
        ("20ce7b3af1", RejectReason.TRUNCATED),
    ],
)
def test_what_begins_with_no_entry_is_refused(payload: str, reason: RejectReason) -> None:
    with pytest.raises(DecodeError) as refusal:
        decode(bytes.fromhex(payload))
    assert refusal.value.reason is reason


@pytest.mark.parametrize(
    "answer", ["fe0305 00", "ff1001", "fe8e003c00", "f91001", "f8100100", "ff0601020304050607 0809"]
)
def test_answers_to_downlinks_go_before_counts(answer: str) -> None:
    decoded = decode(bytes.fromhex(answer) + PERIOD)
    counts = [one for one in decoded.readings if isinstance(one, PeopleCount)]
    assert [one.entered_period for one in counts] == [3]
