"""What the frame counters say: sessions, resets and missing frames of one device. Pure; the writer stores the result.

Missing frames of a session = last - first + 1 - stored, whatever the order of arrival, so a late frame closes
its own gap. A session ends when a *later* frame has another DevAddr or a counter that does not grow or leaps (re-join,
ABP reset); a frame that is only late never ends one.
"""

from dataclasses import dataclass
from datetime import datetime

from decoders.uplink import Uplink

LONGEST_GAP = 16_384
"""More frames than this are not lost in a row: the counter began anew (LoRaWAN 1.0's MAX_FCNT_GAP)."""


@dataclass(slots=True)
class DeviceState:
    """The row of `device_state` without its device.

    `session_started_at` and `last_ns_time` are network-server times as integers, see `storage.arrays.micros`.
    """

    source_id: int
    dev_addr: str
    session_started_at: int
    first_f_cnt: int
    last_f_cnt: int
    session_uplinks: int
    earlier_gaps: int
    uplinks: int
    duplicates: int
    last_ns_time: int
    last_received_at: datetime
    outcome: str

    @property
    def gaps(self) -> int:
        """Frames missing so far, ended sessions included."""
        return self.earlier_gaps + self.last_f_cnt - self.first_f_cnt + 1 - self.session_uplinks


def first_state(uplink: Uplink, at: int, source_id: int) -> DeviceState:
    """The state of a device after its first stored uplink; `at` is its network-server time."""
    return DeviceState(
        source_id=source_id,
        dev_addr=uplink.dev_addr,
        session_started_at=at,
        first_f_cnt=uplink.f_cnt,
        last_f_cnt=uplink.f_cnt,
        session_uplinks=1,
        earlier_gaps=0,
        uplinks=1,
        duplicates=0,
        last_ns_time=at,
        last_received_at=uplink.received_at,
        outcome="",
    )


def advance(state: DeviceState, uplink: Uplink, at: int, source_id: int) -> int:
    """Count `uplink`, which is stored for the first time, into `state`; `at` is its network-server time.

    Returns:
        By how many the number of missing frames grew; negative when a late frame closed a gap.
    """
    state.uplinks += 1
    later = at > state.last_ns_time
    if later:
        state.source_id = source_id
        state.last_ns_time = at
        state.last_received_at = uplink.received_at
    if _continues(state, uplink, at):
        gap = uplink.f_cnt - state.last_f_cnt - 1
        state.last_f_cnt = uplink.f_cnt
        state.session_uplinks += 1
        return gap
    if later:
        _begin_session(state, uplink, at)
        return 0
    return _close_gap(state, uplink, at)


def may_be_copy(state: DeviceState, uplink: Uplink, at: int, window: int) -> bool:
    """False when no stored uplink of the device can be the same frame, so that no query need ask.

    Args:
        at: the frame's network-server time.
        window: how long after a frame a copy of it may come, in microseconds.
    """
    if uplink.dev_addr != state.dev_addr or uplink.f_cnt <= state.last_f_cnt:
        return True
    had_earlier_session = state.uplinks > state.session_uplinks
    return had_earlier_session and at - state.session_started_at < window


def _continues(state: DeviceState, uplink: Uplink, at: int) -> bool:
    grows = 0 < uplink.f_cnt - state.last_f_cnt <= LONGEST_GAP + 1
    return grows and uplink.dev_addr == state.dev_addr and at >= state.session_started_at


def _close_gap(state: DeviceState, uplink: Uplink, at: int) -> int:
    precedes = uplink.f_cnt < state.first_f_cnt
    in_session = uplink.dev_addr == state.dev_addr and (precedes or at >= state.session_started_at)
    if not in_session or uplink.f_cnt > state.last_f_cnt:
        return 0
    before = state.gaps
    state.session_uplinks += 1
    if precedes:
        state.first_f_cnt = uplink.f_cnt
        state.session_started_at = min(state.session_started_at, at)
    return state.gaps - before


def _begin_session(state: DeviceState, uplink: Uplink, at: int) -> None:
    state.earlier_gaps = state.gaps
    state.dev_addr = uplink.dev_addr
    state.session_started_at = at
    state.first_f_cnt = state.last_f_cnt = uplink.f_cnt
    state.session_uplinks = 1
