"""Frame counters: sessions, resets, gaps and their closing, in whatever order frames arrive."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.uplink import Uplink
from storage import sessions
from storage.arrays import micros
from storage.sessions import DeviceState, first_state

START = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
WINDOW = timedelta(minutes=15) // timedelta(microseconds=1)


def uplink(f_cnt: int, *, minute: float | None = None, dev_addr: str = "01f3c2a7") -> Uplink:
    at = START + timedelta(minutes=f_cnt if minute is None else minute)
    return Uplink("city", "24e124460e210042", f_cnt, 2, b"\x01", at, at, dev_addr=dev_addr)


def advance(state: DeviceState, one: Uplink, source_id: int) -> int:
    return sessions.advance(state, one, micros(one.ns_time), source_id)


def may_be_copy(state: DeviceState, one: Uplink, window: int) -> bool:
    return sessions.may_be_copy(state, one, micros(one.ns_time), window)


def after(*uplinks: Uplink) -> DeviceState:
    state = first_state(uplinks[0], micros(uplinks[0].ns_time), 1)
    for one in uplinks[1:]:
        advance(state, one, 1)
    return state


def test_consecutive_frames_leave_no_gap() -> None:
    assert after(uplink(0), uplink(1), uplink(2)).gaps == 0


def test_a_missing_frame_is_a_gap_and_its_late_arrival_closes_it() -> None:
    state = after(uplink(0), uplink(3))
    assert state.gaps == 2
    assert advance(state, uplink(1), 1) == -1
    assert advance(state, uplink(2), 1) == -1
    assert state.gaps == 0
    assert state.last_f_cnt == 3


@given(st.permutations(range(6)))
def test_any_order_of_one_session_counts_every_frame(order: list[int]) -> None:
    state = after(*(uplink(f_cnt) for f_cnt in order))
    assert state.gaps == 0
    assert (state.first_f_cnt, state.last_f_cnt, state.uplinks) == (0, 5, 6)


@pytest.mark.parametrize(("leap", "gaps"), [(16_385, 16_384), (16_386, 0)])
def test_a_leap_over_16384_frames_begins_a_session(leap: int, gaps: int) -> None:
    state = after(uplink(7, minute=0), uplink(7 + leap, minute=1), uplink(9 + leap, minute=2))
    assert state.gaps == gaps + 1


def test_the_sixteen_bit_wrap_is_no_reset() -> None:
    assert after(uplink(65535, minute=0), uplink(65536, minute=1)).gaps == 0


def test_a_rejoin_with_an_equal_counter_starts_a_session() -> None:
    state = after(uplink(0), uplink(2), uplink(2, minute=9, dev_addr="01000000"))
    assert (state.dev_addr, state.first_f_cnt, state.session_uplinks) == ("01000000", 2, 1)
    assert state.earlier_gaps == state.gaps == 1


def test_a_counter_reset_with_the_same_address_starts_a_session() -> None:
    state = after(uplink(500, minute=0), uplink(501, minute=1), uplink(0, minute=2), uplink(1, minute=3))
    assert (state.first_f_cnt, state.last_f_cnt, state.gaps) == (0, 1, 0)


def test_a_late_frame_of_the_session_before_the_reset_changes_nothing() -> None:
    state = after(uplink(500, minute=0), uplink(502, minute=4), uplink(0, minute=5))
    before = replace(state)
    assert advance(state, uplink(501, minute=2), 1) == 0
    assert replace(state, uplinks=before.uplinks) == before


@pytest.mark.parametrize("order", list(permutations([0, 1, 3])))
def test_last_seen_never_goes_back(order: tuple[int, ...]) -> None:
    assert after(*(uplink(f_cnt) for f_cnt in order)).last_ns_time == micros(START + timedelta(minutes=3))


def test_only_frames_that_may_be_stored_are_asked_for() -> None:
    state = after(uplink(0), uplink(5))
    assert not may_be_copy(state, uplink(6), WINDOW)
    assert may_be_copy(state, uplink(5), WINDOW)
    assert may_be_copy(state, uplink(6, dev_addr="02000000"), WINDOW)


def test_soon_after_a_reset_high_counters_may_be_copies_of_the_session_before() -> None:
    state = after(uplink(500, minute=0), uplink(0, minute=1))
    assert may_be_copy(state, uplink(500, minute=1.01), WINDOW)
    assert not may_be_copy(state, uplink(1, minute=20), WINDOW)
