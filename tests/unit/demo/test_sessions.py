"""Sessions: counters go on over days, and start again where devices join or are reset."""

from dataclasses import replace

import numpy as np
import pytest

from stadtfunk.demo.clock import HOUR, day_of
from stadtfunk.demo.device import Application, Device, Frames
from stadtfunk.demo.sessions import Restart, Sessions
from stadtfunk.demo.settings import FaultSettings
from tests.unit.demo.support import NO_FAULTS

FIRST = 20_600
DEVICE = Device("00" * 8, "x", "Dragino LSE01", Application.TREES, 50.0, 8.2, 6.0, first_f_cnt=10)


def hourly(number: int, devices: int) -> Frames:
    device = np.repeat(np.arange(devices), 24)
    sent_at = day_of(number).start + np.tile(np.arange(24) * HOUR, devices)
    return Frames(device, sent_at, np.ones(len(device), np.int64), np.zeros(len(device)), [], [])


def run(sessions: Sessions, devices: int, days: int) -> list[tuple[np.ndarray, np.ndarray, dict]]:
    found = []
    for number in range(FIRST, FIRST + days):
        starts = sessions.starts(day_of(number))
        counters = sessions.number(day_of(number), hourly(number, devices), starts)
        found.append((*(column.reshape(devices, 24) for column in counters), dict(starts)))
    return found


def test_counters_go_on():
    days = run(Sessions(NO_FAULTS, 1, [DEVICE, replace(DEVICE, first_f_cnt=65_530)]), 2, 3)
    counters = np.hstack([f_cnt for f_cnt, _, _ in days])
    assert counters[0].tolist() == list(range(10, 10 + 72))
    assert counters[1].tolist() == list(range(65_530, 65_530 + 72)), "32 bits: the wrap on the air is not seen"


def test_a_device_that_is_silent_for_a_day_keeps_its_counter():
    sessions = Sessions(NO_FAULTS, 1, [DEVICE, DEVICE])
    day = day_of(FIRST)
    only_second = replace_device(hourly(FIRST, 1), 1)
    f_cnt, _ = sessions.number(day, only_second, {})
    assert f_cnt.tolist() == list(range(10, 34))
    f_cnt, _ = sessions.number(day_of(FIRST + 1), hourly(FIRST + 1, 2), {})
    assert f_cnt[[0, 24]].tolist() == [10, 34]


def replace_device(frames: Frames, device: int) -> Frames:
    frames.device[:] = device
    return frames


@pytest.mark.parametrize(("checks", "restart"), [(True, Restart.REJOIN), (False, Restart.ABP_RESET)])
def test_a_restart_counts_from_zero(checks, restart):
    always = FaultSettings(rejoins_per_month=31, abp_resets_per_month=31)
    sessions = Sessions(always, 1, [replace(DEVICE, checks_f_cnt=checks)])
    before_address = None
    for f_cnt, address, starts in run(sessions, 1, 4):
        start = starts[0]
        assert start.restart is restart
        after = np.arange(24) * HOUR + (start.at // (24 * HOUR)) * 24 * HOUR >= start.at
        assert f_cnt[0][after].tolist() == list(range(after.sum()))
        changed = len(set(address[0].tolist())) > 1
        if 0 < after.sum() < 24:
            assert changed is (restart is Restart.REJOIN)
        if before_address is not None and not after.all():
            assert address[0][0] == before_address
        before_address = address[0][-1]


def test_restarts_are_as_rare_as_set():
    many = [replace(DEVICE, checks_f_cnt=number % 2 == 0) for number in range(2000)]
    sessions = Sessions(FaultSettings(), 1, many)
    starts = [start for number in range(30) for start in sessions.starts(day_of(FIRST + number)).values()]
    joins = sum(start.restart is Restart.REJOIN for start in starts)
    assert joins / 1000 == pytest.approx(1 / 6, rel=0.25)
    assert (len(starts) - joins) / 1000 == pytest.approx(1.0, rel=0.1)


def test_starts_depend_on_seed_and_day_alone():
    first, again, other = (Sessions(FaultSettings(), seed, [DEVICE] * 500) for seed in (1, 1, 2))
    assert first.starts(day_of(FIRST)) == again.starts(day_of(FIRST))
    assert first.starts(day_of(FIRST)) != other.starts(day_of(FIRST))
